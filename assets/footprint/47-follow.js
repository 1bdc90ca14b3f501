/*
 * Following the live edge: which range the axes should have, and who may move them.
 *
 * `active` is an explicit flag. Any pan or zoom by the user clears it; the pill, the End key, L or
 * a double-click sets it. While it is set, x shows the newest bars with room to the right, and the
 * y axes fit the bars in view, except those that the user has dragged (`held`, until Go live). New
 * data never moves a view that the user has moved; the user's own moves of x fit the other axes.
 */

(function (of) {
  'use strict';

  const ROOM = 1.5; // slots of empty room right of the forming bar
  const TIGHTEST_ROOM = 1.4; // so that one more bar may fit
  const SLOT = 96; // narrowest slot in which bid and ask stand side by side, px
  const SPARE = 2; // levels to spare above and below
  const TALLEST_ROW = 28; // px; fewer levels than fill the pane do not grow beyond it
  const REST_MS = 120;
  const SHRINK = 0.6; // the fit shrinks only when it would use less than this share of the range

  /** Follows for one layer. */
  class Follow {
    /** @param {any} layer */
    constructor(layer) {
      this.layer = layer;
      this.active = layer.options.follow !== false;
      /** @type {Set<string>} The y axes that the user has moved. */
      this.held = new Set();
      /** @type {number|null} Positions that the user's own zoom shows; null: as many as fit. */
      this.span = null;
      /** @type {Object<string, number[]>} Ranges that the layer itself has set last. */
      this.own = {};
      this.owed = false; // the user has jumped to bars that were not there to fit
      this.source = '';
    }

    // ------------------------------------------------------------------ what happened

    /** The user is dragging or turning the wheel. */
    onDrag() {
      this.release(this.movedAxes());
    }

    /** @param {Object<string, any>} event  Plotly's: which ranges were set. */
    onRelayout(event) {
      const axes = Object.keys(event).map((key) => /^([xy]axis\d*)\.(range|autorange)/.exec(key)).filter(Boolean);
      const names = [...new Set(axes.map((match) => /** @type {RegExpExecArray} */ (match)[1]))];
      const moved = names.filter((name) => !this.isOwn(name));
      if (!moved.length) return;
      this.release(moved);
      // A turning wheel relayouts with each turn: fit once, when it has come to rest.
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.fit(), REST_MS);
      this.layer.onMoved();
    }

    /** @param {Object<string, any>|null} before  The head of the answer before. */
    onData(before) {
      const { head } = this.layer.book;
      const source = `${head.symbol} ${head.bar}`;
      if (source !== this.source) {
        this.source = source;
        this.reset();
      }
      if (this.active) this.move(before === null || edgeOf(before) !== edgeOf(head));
      else if (this.owed) this.fit();
    }

    /** The graph stands, or stands again. */
    onAttach() {
      this.own = {};
      if (this.active) this.move(true);
    }

    /** The figure of the newest answer's bars has come after them. */
    onMatch() {
      if (this.active) this.move(true);
    }

    /** The graph has another size. */
    onResize() {
      if (this.active) this.move(true);
    }

    /** Another instrument or bar: as if the page had just been opened. */
    reset() {
      this.active = this.layer.options.follow !== false;
      this.held.clear();
      this.span = null;
      this.own = {};
    }

    // ------------------------------------------------------------------ who moved what

    /** @returns {string[]} Axes whose range is not what the layer has set. */
    movedAxes() {
      const full = this.layer.gd._fullLayout;
      return ['xaxis', 'yaxis'].concat(Object.keys(this.own)).filter((name) => full[name] && !this.isOwn(name));
    }

    /** @param {string} name @returns {boolean} The axis stands where the layer has put it. */
    isOwn(name) {
      const axis = this.layer.gd._fullLayout[name];
      const own = this.own[name];
      if (!axis || !own) return false;
      const slack = Math.abs(own[1] - own[0]) * 1e-6;
      return Math.abs(axis.range[0] - own[0]) <= slack && Math.abs(axis.range[1] - own[1]) <= slack;
    }

    /** @param {string[]} names  The user has moved these axes. */
    release(names) {
      if (!names.length) return;
      for (const name of names) if (name.startsWith('y')) this.held.add(name);
      if (!this.active) return;
      this.active = false;
      this.layer.onFollow();
    }

    /**
     * Follow again.
     *
     * @param {boolean} afresh  Also forget the user's zoom: as many bars as fit with their numbers.
     */
    goLive(afresh) {
      const { head } = this.layer.book;
      if (!head || head.live === null) return;
      const seen = this.layer.visible();
      this.span = afresh || !seen ? null : seen[1] - seen[0];
      this.active = true;
      this.held.clear();
      this.move(true);
      this.layer.onFollow();
    }

    // ------------------------------------------------------------------ ranges

    /** @param {boolean} anew  Set x also when it would do as it is. Moves the axes to where following wants them. */
    move(anew) {
      const axes = of.readAxes(this.layer.gd);
      const { head } = this.layer.book;
      if (!axes || !head || !head.total || !this.layer.matches()) return;
      const x = anew || !this.own.xaxis ? liveRange(axes, edgeOf(head), this.span) : this.own.xaxis;
      this.set({ xaxis: x, ...this.fits(axes, x) });
    }

    /** @returns {boolean} The price axis fits the bars in view. */
    get fitting() {
      return !this.held.has('yaxis');
    }

    /** Fit the y axes to the bars in view (after a jump, a pan or a zoom of x). */
    fit() {
      const axes = of.readAxes(this.layer.gd);
      if (axes && this.layer.matches()) this.set(this.fits(axes, axes.x.range));
    }

    /** @param {Axes} axes @param {number[]} x  Positions to be in view. @returns {Object<string, number[]>} Ranges of the y axes. */
    fits(axes, x) {
      const { book } = this.layer;
      const bars = book.between(x[0] - 0.4, x[1] + 0.4);
      this.owed = !bars.length;
      if (this.owed) return {};
      const price = this.fitting ? fitPrices(bars, book.head.scale, axes.price, this.own.yaxis) : null;
      const ranges = price ? { yaxis: price } : {};
      const names = Object.keys((this.layer.gd.layout.meta || {}).panes || { yaxis2: 'cvd' });
      for (const pane of axes.panes) {
        const name = names.find((n) => this.layer.gd._fullLayout[n]._offset === pane.top);
        const range = name && !this.held.has(name) && fitSums(bars, pane);
        if (range) ranges[/** @type {string} */ (name)] = range;
      }
      return ranges;
    }

    /** @param {[number, number]} range @param {boolean} jump  The user moves x by a key; a jump fits prices anew. */
    moveTo(range, jump) {
      const axes = of.readAxes(this.layer.gd);
      if (!axes) return;
      this.release(['xaxis']);
      if (jump) this.held.delete('yaxis');
      this.set({ xaxis: range, ...this.fits(axes, range) });
      this.layer.onMoved();
    }

    /** @param {Object<string, number[]>} ranges  Give them to Plotly, those that are not so already. */
    set(ranges) {
      const { gd } = this.layer;
      /** @type {Object<string, number[]>} */
      const update = {};
      for (const [name, range] of Object.entries(ranges)) {
        const is = gd._fullLayout[name].range;
        const slack = Math.abs(range[1] - range[0]) * 1e-6;
        this.own[name] = range;
        if (Math.abs(is[0] - range[0]) > slack || Math.abs(is[1] - range[1]) > slack) update[`${name}.range`] = [...range];
      }
      if (Object.keys(update).length) window.Plotly.relayout(gd, update);
    }
  }

  /** @param {Object<string, any>} head @returns {number} Position that is followed: the forming bar, of stored bars the last. */
  function edgeOf(head) {
    return head.live === null ? head.total - 1 : head.live;
  }

  /**
   * The x range that shows the newest bars with room to the right.
   *
   * @param {Axes} axes @param {number} live  Position of the forming bar, or of the last one.
   * @param {number|null} span  Positions to show; null: as many as fit with their numbers.
   * @returns {[number, number]}
   */
  function liveRange(axes, live, span) {
    const width = axes.right - axes.left;
    const behind = axes.right - axes.bars; // below the profile
    const fitting = Math.max(1, Math.floor((width - Math.max(0, behind - TIGHTEST_ROOM * SLOT)) / SLOT - TIGHTEST_ROOM));
    const shown = span || Math.min(fitting + ROOM, width / (SLOT + 0.01));
    const slot = width / shown;
    const room = Math.max(span ? Math.min(ROOM, shown / 4) : shown - fitting, (behind + 8) / slot);
    const end = live + 0.5 + Math.max(0.2, room);
    return [end - shown, end];
  }

  /**
   * The price range that fits bars, with levels to spare and hysteresis.
   *
   * @param {Bar[]} bars @param {Scale} scale @param {Pane} pane
   * @param {number[]} [now]  The range in force, kept while it is good enough.
   * @returns {number[]|null}
   */
  function fitPrices(bars, scale, pane, now) {
    const low = Math.min(...bars.map((bar) => bar.l));
    const high = Math.max(...bars.map((bar) => bar.h));
    const { level, price } = scale;
    const floor = Math.floor(low / level) * level;
    const ceiling = Math.ceil(high / level) * level;
    const height = pane.bottom - pane.top;
    const least = (height / TALLEST_ROW) * level;
    const need = ceiling - floor + 2 * SPARE * level;
    const pad = Math.max(0, least - need) / 2;
    const wanted = [floor - SPARE * level - pad, ceiling + SPARE * level + pad];
    if (now) {
      const [from, to] = [now[0] * price, now[1] * price];
      const holds = low - level / 2 >= from && high + level / 2 <= to;
      if (holds && wanted[1] - wanted[0] >= SHRINK * (to - from)) return now;
    }
    return [wanted[0] / price, wanted[1] / price];
  }

  /** @param {Bar[]} bars @param {Pane} pane @returns {number[]|null} A range for a pane of sums, null while the one in force is good enough. */
  function fitSums(bars, pane) {
    const lows = bars.map((bar) => (pane.kind === 'cvd' ? bar.cvl ?? Math.min(bar.cvo, bar.cvd) : pane.kind === 'delta' ? Math.min(0, bar.delta) : 0));
    const highs = bars.map((bar) => (pane.kind === 'cvd' ? bar.cvh ?? Math.max(bar.cvo, bar.cvd) : pane.kind === 'delta' ? Math.max(0, bar.delta) : bar.vol));
    const known = lows.concat(highs).filter((v) => v !== null && v !== undefined);
    if (!known.length) return null;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const span = Math.max(high - low, 1);
    const [from, to] = pane.y.range;
    if (low >= from && high <= to && span >= SHRINK * (to - from)) return null;
    const under = pane.kind === 'volume' ? 0 : 0.12 * span;
    return [low - under, high + 0.12 * span];
  }

  Object.assign(of, { Follow, liveRange, fitPrices, fitSums });
})(window.orderflow);
