/*
 * The layer: one canvas over one Plotly graph, painted anew whenever axes, data or options move.
 *
 * It attaches when the graph has a layout (answers that come earlier are kept), reads Plotly's
 * axes afresh at each painting, and paints at most once per animation frame. What it paints it
 * takes over from Plotly; where it cannot paint, Plotly's own candles stand.
 */

(function (of) {
  'use strict';

  const { CHANGE } = of;
  const KEPT_TIMINGS = 240;
  const FLASH_MS = 250;
  const LINGER_MS = 150; // what the next answer's painting changes anyway needs none of its own
  const SEARCH_MS = 50;
  const STALE_MS = 10000; // a feed that has given no sign for so long is stale
  const CALM = new Set(['live', 'finished', 'stopped', '']);

  /** One graph's layer. */
  class Layer {
    /**
     * @param {string} graphId  Id of the graph's div, or of an element that contains it.
     * @param {Object<string, any>} options
     */
    constructor(graphId, options) {
      this.graphId = graphId;
      this.options = { follow: true, ...options };
      this.book = new of.Book();
      this.gd = null;
      /** @type {any} */
      this.overlay = null;
      this.pending = CHANGE.NONE;
      this.frame = 0;
      this.flash = new Map();
      this.flashUntil = 0;
      this.timings = { full: /** @type {number[]} */ ([]), live: /** @type {number[]} */ ([]) };
      this.painted = { version: 0, tradeSeq: 0, count: 0, lod: 0, view: '', countdown: '' };
      this.appliedAt = 0;
      this.matched = false; // at the last answer or drawing
      this.fault = ''; // why no answers come, as a sentence
      this.feed = { state: '', ageMs: 0, cause: '' };
      this.pointer = null;
      this.dragging = false;
      this.follow = new of.Follow(this);
      this.still = window.matchMedia('(prefers-reduced-motion: reduce)');
      this.cleanups = [];
      this.search();
    }

    // ------------------------------------------------------------------ attaching

    /** Look for the graph until it has a layout; again whenever it has gone. */
    search() {
      clearTimeout(this.searching);
      const holder = document.getElementById(this.graphId);
      /** @type {any} */
      const gd = holder && (holder.classList.contains('js-plotly-plot') ? holder : holder.querySelector('.js-plotly-plot'));
      if (gd && gd._fullLayout && gd._fullLayout.xaxis && gd.on) this.mount(gd);
      else this.searching = setTimeout(() => this.search(), SEARCH_MS);
    }

    /** @returns {boolean} The graph is still the one attached to; a plot made anew has lost its listeners. */
    get stands() {
      if (this.gd === null || !this.gd.isConnected || !this.overlay.root.isConnected) return false;
      const emitter = this.gd._ev;
      return !emitter || !emitter.listeners || emitter.listeners('plotly_relayout').includes(this.onRelayout);
    }

    /** @param {any} gd */
    mount(gd) {
      this.unmount();
      this.gd = gd;
      if (getComputedStyle(gd).position === 'static') gd.style.position = 'relative';
      this.overlay = new of.Overlay(gd, () => this.follow.goLive(false));
      this.context = this.overlay.canvas.getContext('2d');
      this.dress();
      const all = () => this.schedule(CHANGE.ALL);
      const dom = (/** @type {any} */ target, /** @type {string} */ name, /** @type {(e: any) => void} */ act, how = {}) => {
        target.addEventListener(name, act, how);
        this.cleanups.push(() => target.removeEventListener(name, act, how));
      };
      const plotly = (/** @type {string} */ name, /** @type {(e: any) => void} */ act) => {
        gd.on(name, act);
        this.cleanups.push(() => gd.removeListener && gd.removeListener(name, act));
      };
      plotly('plotly_afterplot', () => { this.onPlot(); all(); });
      plotly('plotly_relayouting', () => { this.follow.onDrag(); all(); });
      this.onRelayout = (/** @type {any} */ event) => {
        of.listenAlone(gd, 'plotly_relayout', this.onRelayout);
        this.follow.onRelayout(event || {});
        all();
      };
      plotly('plotly_relayout', this.onRelayout);
      of.listenAlone(gd, 'plotly_relayout', this.onRelayout);
      plotly('plotly_doubleclick', () => this.follow.goLive(true));
      dom(gd, 'mousemove', (event) => this.onPointer(event), { passive: true });
      dom(gd, 'mouseleave', () => this.onPointer(null));
      dom(gd, 'wheel', (event) => of.wheelOnX(gd, event), { capture: true });
      dom(window, 'mousedown', () => { this.dragging = true; }, { capture: true });
      dom(window, 'mouseup', () => { this.dragging = false; }, { capture: true });
      dom(document, 'visibilitychange', all);
      const sizes = new ResizeObserver(() => { this.follow.onResize(); all(); });
      sizes.observe(gd);
      const anew = new MutationObserver(() => { if (!this.stands) this.search(); });
      anew.observe(gd, { childList: true });
      this.cleanups.push(() => anew.disconnect());
      this.cleanups.push(() => sizes.disconnect());
      this.watchDpr();
      this.follow.onAttach();
      this.onMoved();
      all();
    }

    /** Plotly has drawn: the figure of bars that came before it, or in another size. */
    onPlot() {
      const matches = this.matches();
      if (matches && !this.matched) this.follow.onMatch();
      this.matched = matches;
      const { width, height } = this.gd._fullLayout;
      const size = `${width} ${height}`;
      if (size === this.size) return;
      const first = !this.size;
      this.size = size;
      if (first) return;
      this.follow.onResize();
      this.onMoved();
    }

    /** Repaint when the page moves to a screen of another density, or is zoomed. */
    watchDpr() {
      const query = window.matchMedia(`(resolution: ${window.devicePixelRatio || 1}dppx)`);
      const changed = () => { this.watchDpr(); this.schedule(CHANGE.ALL); };
      query.addEventListener('change', changed, { once: true });
      this.cleanups.push(() => query.removeEventListener('change', changed));
    }

    /** Leave the graph; it then looks as Plotly drew it. */
    unmount() {
      for (const cleanup of this.cleanups.splice(0)) cleanup();
      if (this.gd) of.takeOver(this.gd, false);
      if (this.overlay) this.overlay.remove();
      this.gd = null;
      this.overlay = null;
    }

    /** Stop for good. */
    remove() {
      clearTimeout(this.searching);
      clearTimeout(this.ticking);
      clearTimeout(this.flashing);
      clearTimeout(this.follow.resting);
      cancelAnimationFrame(this.frame);
      this.unmount();
    }

    // ------------------------------------------------------------------ data and options

    /** @param {Object<string, any>} options  Those named replace the present ones. */
    configure(options) {
      this.options = { ...this.options, ...options };
      if (this.overlay) this.dress();
      this.schedule(CHANGE.ALL);
    }

    /** Take the theme over, and measure its digits. */
    dress() {
      this.theme = of.themeOf(this.options.theme);
      this.overlay.dress(this.theme);
      this.context.font = `100px ${this.theme.font_mono}`;
      const digit = this.context.measureText('0');
      this.glyph = { width: digit.width / 100, height: digit.actualBoundingBoxAscent / 100 || 0.73 };
    }

    /**
     * Take an answer in and paint it.
     *
     * @param {Object<string, any>} payload
     */
    apply(payload) {
      const before = this.book.head;
      const { change, touched } = this.book.apply(payload);
      this.appliedAt = Date.now();
      if (payload.feed) this.onFeed(payload.feed.state, payload.feed.age_ms, payload.feed.cause);
      if (change === CHANGE.LIVE) this.startFlash(touched);
      if (this.gd && !this.stands) this.search();
      this.matched = this.matches();
      this.follow.onData(before);
      this.schedule(change);
    }

    /** Forget all bars: what is asked for next has nothing to do with them. */
    forget() {
      this.book = new of.Book();
      this.feed = { state: '', ageMs: 0, cause: '' };
      this.schedule(CHANGE.ALL);
    }

    /** @param {string} state @param {number} ageMs @param {string} [cause]  What is known of the feed, also when nothing changed. */
    onFeed(state, ageMs, cause = '') {
      this.feed = { state, ageMs, cause };
      this.appliedAt = Date.now();
      this.showFeed();
    }

    /** @param {string} sentence  Why answers stay away; "" when they come again. */
    onFault(sentence) {
      this.fault = sentence;
      this.showFeed();
    }

    /** @returns {string} What is wrong with the data's age, "" when nothing is. */
    staleText() {
      if (this.fault) return this.fault;
      const { state, ageMs, cause } = this.feed;
      if (!CALM.has(state) || (cause && state === 'stopped')) return `Feed ${state}${cause ? `: ${cause}` : ''}`;
      if (state === 'live' && ageMs > STALE_MS) return `No sign of the feed for ${Math.round(ageMs / 1000)} s`;
      return '';
    }

    /** Show or take away the veil, and tell the page. */
    showFeed() {
      const axes = of.readAxes(this.gd);
      if (axes && this.overlay) this.overlay.showVeil(axes, this.staleText());
      if (this.options.onState) this.options.onState(this.state());
    }

    /** @param {Map<number, Set<number>>} touched  Flash the cells that changed in the live bar. */
    startFlash(touched) {
      const prices = touched.get(this.book.head.live);
      if (!prices || !prices.size || this.still.matches || this.options.flashing === false) return;
      this.flash = new Map([[this.book.head.live, prices]]);
      this.flashUntil = performance.now() + FLASH_MS;
      clearTimeout(this.flashing);
      this.flashing = setTimeout(() => {
        this.flash = new Map();
        this.schedule(CHANGE.LIVE);
      }, FLASH_MS + LINGER_MS);
    }

    // ------------------------------------------------------------------ painting

    /** @param {number} change  Paint in the next frame; more than one call make one painting. */
    schedule(change) {
      this.pending = Math.max(this.pending, change);
      if (!this.frame && this.pending) {
        this.frame = requestAnimationFrame(() => {
          this.frame = 0;
          this.paint();
        });
      }
    }

    /** Paint what is pending. */
    paint() {
      const change = this.pending;
      this.pending = CHANGE.NONE;
      if (!this.gd) return;
      if (!this.stands) {
        this.search();
        return;
      }
      const axes = of.readAxes(this.gd);
      if (!axes) return;
      const emptied = this.overlay.resize(axes.width, axes.height, axes.dpr);
      const began = performance.now();
      const live = change === CHANGE.LIVE && !emptied && this.liveFits(axes);
      const picture = live ? this.paintLive(axes) : this.paintAll(axes);
      this.note(live ? 'live' : 'full', performance.now() - began, picture);
      this.surround(axes, picture);
    }

    /** @returns {boolean} The figure on screen is the one that the bars are of. */
    matches() {
      const { head } = this.book;
      const meta = (this.gd && this.gd.layout && this.gd.layout.meta) || {};
      if (!head) return false;
      return head.figure && meta.figure ? head.figure === meta.figure : head.view === meta.view;
    }

    /** @returns {Object<string, any>} Options for a layout. */
    layoutOptions() {
      const flash = performance.now() < this.flashUntil ? this.flash : undefined;
      return { ...this.options, theme: this.theme, glyph: this.glyph, flash, countdown: this.countdown(), figureTags: ((this.gd && this.gd.layout && this.gd.layout.meta) || {}).tags };
    }

    /** @param {Axes} axes @returns {boolean} The live bar's column can be painted alone. */
    liveFits(axes) {
      const { head } = this.book;
      if (!head || head.live === null || !this.matches()) return false;
      const before = of.toPx(axes.x, head.live - 1);
      return before < of.gutterLeft(axes) && of.toPx(axes.x, head.live + 0.5) > axes.left;
    }

    /** @param {Axes} axes @returns {Picture|null} */
    paintAll(axes) {
      const { context } = this;
      context.setTransform(axes.dpr, 0, 0, axes.dpr, 0, 0);
      context.clearRect(0, 0, axes.width, axes.height);
      const shown = this.matches();
      of.takeOver(this.gd, shown && this.options.ladder !== 'plotly' && this.book.covers(axes.x.range[0] + 0.5, axes.x.range[1] - 0.5));
      if (!shown) return null;
      const picture = of.layoutAll(this.book, axes, this.layoutOptions());
      for (const sheet of picture.sheets) of.paint(context, sheet);
      return picture;
    }

    /** @param {Axes} axes @returns {Picture} */
    paintLive(axes) {
      const { context } = this;
      const picture = of.layoutLive(this.book, axes, this.layoutOptions());
      context.setTransform(axes.dpr, 0, 0, axes.dpr, 0, 0);
      for (const { clip } of picture.sheets) context.clearRect(clip.x, clip.y, clip.w, clip.h);
      for (const sheet of picture.sheets) of.paint(context, sheet);
      return picture;
    }

    /** @param {Axes} axes @param {Picture|null} picture  Update all that is not canvas. */
    surround(axes, picture) {
      const { head } = this.book;
      const shown = picture !== null;
      const last = shown && head.last ? of.toPx(axes.price.y, head.last.price / head.scale.price) : null;
      if (this.painted.whole) of.widenDragAreas(this.gd, axes);
      this.overlay.showLast(axes, last);
      this.overlay.showPill(axes, shown && head.live !== null && !this.follow.active);
      this.overlay.showVeil(axes, this.staleText());
      of.hover(this, axes);
      this.tick();
    }

    /**
     * Write down what was painted, on the canvas element, for tests and the status line.
     *
     * `data-painted-at` and `data-latency-ms` are of the first painting that showed the newest
     * trade; moving the view does not change them.
     *
     * @param {"full"|"live"} kind @param {number} ms @param {Picture|null} picture
     */
    note(kind, ms, picture) {
      const list = this.timings[kind];
      list.push(ms);
      if (list.length > KEPT_TIMINGS) list.shift();
      const { head } = this.book;
      const data = this.overlay.canvas.dataset;
      this.painted.whole = kind === 'full';
      if (!picture || !head) {
        data.cells = '0';
        data.view = '';
        this.painted.count = 0;
        return;
      }
      if (kind === 'full') this.painted.count = picture.count;
      this.painted.lod = picture.lod;
      this.painted.rowPx = picture.rowPx;
      const now = { cells: String(this.painted.count), lod: String(picture.lod), view: head.view, boardVersion: String(head.version) };
      for (const [name, value] of Object.entries(now)) if (data[name] !== value) data[name] = value;
      this.noteTrade(head, data);
      this.painted.view = head.view;
      this.painted.version = head.version;
      this.painted.tradeSeq = head.trade_seq;
    }

    /** @param {any} head @param {DOMStringMap} data  The newest trade is on the screen for the first time. */
    noteTrade(head, data) {
      if (data.tradeSeq !== String(head.trade_seq) || this.painted.view !== head.view) {
        const now = Date.now();
        data.version = String(head.trade_seq);
        data.tradeSeq = String(head.trade_seq);
        data.paintedAt = String(now);
        data.latencyMs = head.receive_ms ? String(Math.max(0, now - head.receive_ms)) : '';
        this.overlay.canvas.setAttribute('aria-label', this.summary());
      }
    }

    /** @returns {string} The chart in one sentence, for who cannot see it. */
    summary() {
      const { head } = this.book;
      const last = head.last ? `, last price ${of.formatPrice(head.last.price, head.scale)}` : '';
      return `Footprint chart of ${head.symbol}, bars of ${head.bar}${last}`;
    }

    // ------------------------------------------------------------------ countdown

    /** @returns {string} Time to the forming bar's close, "" where there is none. */
    countdown() {
      const { head } = this.book;
      if (!head || head.live === null || !head.live_end_ms || !['live', ''].includes(this.feed.state)) return '';
      const speed = (head.clock && head.clock.speed) || 1;
      const now = head.clock ? head.clock.now_ms + (Date.now() - this.headAt()) * speed : Date.now();
      this.painted.countdown = of.formatCountdown((head.live_end_ms - now) / speed);
      return this.painted.countdown;
    }

    /** @returns {number} When the newest answer with a clock came. */
    headAt() {
      if (this.clockOf !== this.book.head) {
        this.clockOf = this.book.head;
        this.clockAt = Date.now();
      }
      return this.clockAt;
    }

    /** Repaint once a second while a countdown is in view, later than answers would do it anyway. */
    tick() {
      clearTimeout(this.ticking);
      if (document.hidden || !this.countdown()) return;
      this.ticking = setTimeout(() => {
        const before = this.painted.countdown;
        if (this.countdown() !== before) this.schedule(CHANGE.LIVE);
        else this.tick();
      }, 1000 + LINGER_MS * 2 - (Date.now() % 1000));
    }

    // ------------------------------------------------------------------ pointer

    /** @param {MouseEvent|null} event */
    onPointer(event) {
      if (event && !this.stands) this.search();
      if (!event || !this.gd) {
        this.pointer = null;
      } else {
        const box = this.gd.getBoundingClientRect();
        this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      }
      if (this.hovering) return;
      this.hovering = requestAnimationFrame(() => {
        this.hovering = 0;
        const axes = of.readAxes(this.gd);
        if (axes && this.overlay) of.hover(this, axes);
      });
    }

    /** Following began or ended. */
    onFollow() {
      this.schedule(CHANGE.ALL);
      if (this.options.onState) this.options.onState(this.state());
    }

    /** The user's pan or zoom has ended: bars may be missing, and auto level has a new measure. */
    onMoved() {
      if (this.onNeed) this.onNeed();
    }

    // ------------------------------------------------------------------ what is where

    /** @returns {[number, number]|null} Positions in view. */
    visible() {
      const full = this.gd && this.gd._fullLayout;
      return full && full.xaxis ? [full.xaxis.range[0], full.xaxis.range[1]] : null;
    }

    /** @returns {Object[]} Every cell in view as it would be painted now. */
    cells() {
      const axes = of.readAxes(this.gd);
      if (!axes || !this.matches()) return [];
      return of.layoutPane(this.book, axes, { ...this.layoutOptions(), record: true }).cells;
    }

    /** @returns {Object<string, any>} What the layer knows and shows, plain data. */
    state() {
      const { head } = this.book;
      const axes = of.readAxes(this.gd);
      return {
        attached: this.gd !== null,
        matches: this.matches(),
        view: head ? head.view : '',
        version: head ? head.version : 0,
        tradeSeq: head ? head.trade_seq : 0,
        total: head ? head.total : 0,
        live: head ? head.live : null,
        scale: head ? head.scale : null,
        follow: this.follow.active,
        fitting: this.follow.fitting,
        visible: this.visible(),
        loaded: [this.book.low, this.book.high],
        cells: this.painted.count,
        lod: this.painted.lod,
        rowPx: this.painted.rowPx || 0,
        barPx: axes ? of.barSpacing(axes) : 0,
        feed: { ...this.feed, since: this.appliedAt },
        stale: this.staleText(),
        countdown: this.painted.countdown,
        timings: { full: [...this.timings.full], live: [...this.timings.live] },
      };
    }
  }

  Object.assign(of, { Layer });
})(window.orderflow);
