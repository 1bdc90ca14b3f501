/*
 * The price pane: candles, ladders, marks, zones and VWAP of the bars in view, as a sheet.
 *
 * Pure: a book, axes in pixels and options in, a sheet out. One function per thing that is
 * painted; which of them a bar gets is decided by the level of detail.
 */

/**
 * @typedef {Object} Options   What to paint: the keys of Python's `layer_options`, and glyph sizes.
 * @property {"bidask"|"delta"|"total"|"profile"} [cells]
 * @property {boolean} [numbers] @property {boolean} [candles] @property {boolean} [inbar]
 * @property {boolean} [poc] @property {boolean} [imb] @property {boolean} [stacks]
 * @property {boolean} [table] @property {boolean} [vwap] @property {boolean} [deltas]
 * @property {string} [ladder] @property {string} [heat] @property {"bar"|"session"} [inbarScale]
 * @property {{width: number, height: number}} [glyph]  Of a digit, per px of font size.
 * @property {Object<string, any>} [theme]
 * @property {Map<number, Set<number>>} [flash]  Bar to prices whose cells have just changed.
 * @property {boolean} [record]  Also list the cells as objects.
 */

(function (of) {
  'use strict';

  const { LAYER } = of;
  const MARK = { BUY: 1, SELL: 2, BUY_STACK: 4, SELL_STACK: 8, POC: 16 };
  const BASE_CHARACTERS = 4; // what the size of numbers is chosen for: lots below 10,000

  /** Everything that painting one bar needs to know; made once per layout. */
  class Scene {
    /** @param {any} book @param {Axes} axes @param {Options} options */
    constructor(book, axes, options) {
      this.book = book;
      this.head = book.head;
      this.scale = book.head.scale;
      this.axes = axes;
      this.options = options;
      this.theme = of.themeOf(options.theme);
      this.barPx = of.barSpacing(axes);
      this.rowPx = of.rowHeight(axes, this.scale);
      this.lod = of.levelOfDetail(this.barPx + 0.01, this.rowPx + 0.01);
      this.slot = of.divideSlot(this.barPx, this.lod, options, this.theme);
      this.glyph = options.glyph || { width: 0.602, height: 0.73 };
      /** @type {Object[]|null} */
      this.cells = options.record ? [] : null;
      this.count = 0;
      this.sheet = new of.Sheet('pane', {
        x: axes.left, y: axes.price.top, w: axes.bars - axes.left, h: axes.price.bottom - axes.price.top,
      });
      this.steps = options.heat === 'visible' ? visibleSteps(this) : null;
      this.styles();
    }

    /** Prepare the text and line styles of this layout; styles are compared by identity. */
    styles() {
      const { theme, slot } = this;
      const columns = this.twoNumbers ? 2 : 1;
      const room = slot.ladderWidth / columns - (columns === 2 ? 4 : 8);
      const size = of.numberSize(this.rowPx, this.barPx, room, BASE_CHARACTERS);
      const opacity = this.lod <= 2 && this.options.numbers !== false ? of.textOpacity(this.rowPx) : 0;
      const style = (/** @type {string} */ colour, /** @type {any} */ align, weight = 400, alpha = 1) => ({
        font: `${weight} ${size}px ${theme.font_mono}`, size, colour, align, opacity: opacity * alpha,
      });
      const family = (/** @type {any} */ align) => ({
        plain: style(theme.number, align),
        zero: style(theme.number, align, 400, 0.35),
        buy: style(theme.buy_text, align, 700),
        sell: style(theme.sell_text, align, 700),
        up: style(theme.buy_text, align),
        down: style(theme.sell_text, align),
      });
      this.size = size;
      this.room = Math.max(3, Math.floor((room + 0.5) / (size * this.glyph.width)));
      this.showsNumbers = opacity > 0;
      this.text = { left: family('left'), right: family('right'), center: family('center') };
      this.baseline = (size * this.glyph.height) / 2;
      const tag = { font: `700 10.5px ${theme.font_mono}`, size: 10.5, align: 'center', opacity: 1 };
      this.tags = { up: { ...tag, colour: theme.buy_text }, down: { ...tag, colour: theme.sell_text }, flat: { ...tag, colour: theme.secondary } };
      this.lines = {
        poc: { colour: theme.poc, width: 1.5 },
        forming: { colour: of.alpha(theme.secondary, 0.5), width: 1, dash: [3, 3] },
        flash: { colour: theme.text, width: 1 },
        halo: { colour: theme.background, width: 3.5 },
        vwap: { colour: theme.vwap, width: 1.5 },
        zoneBuy: { colour: of.alpha(theme.buy_text, 0.8), width: 1 },
        zoneSell: { colour: of.alpha(theme.sell_text, 0.8), width: 1 },
        session: { colour: theme.line, width: 1 },
      };
    }

    /** @returns {boolean} Bid and ask stand side by side. */
    get twoNumbers() {
      return this.lod === 1 && (this.options.cells || 'bidask') === 'bidask';
    }

    /** @param {number} units @returns {number} px of a price. */
    y(units) {
      return of.toPx(this.axes.price.y, units / this.scale.price);
    }

    /** @param {number} px @returns {number} */
    snap(px) {
      return of.snap(px, this.axes.dpr);
    }

    /** @param {number} x @returns {number} px of a bar's centre. */
    x(x) {
      return of.toPx(this.axes.x, x);
    }

    /** @param {Bar} bar @param {number} k @returns {number} A level's marks that are switched on. */
    marks(bar, k) {
      let mask = bar.m[k];
      if (this.options.imb === false) mask &= ~(MARK.BUY | MARK.SELL);
      if (this.options.imb === false || this.options.stacks === false) mask &= ~(MARK.BUY_STACK | MARK.SELL_STACK);
      return this.options.poc === false ? mask & ~MARK.POC : mask;
    }
  }

  /**
   * Heat steps by percentile among the cells in view: 25, 50, 75 and 90 part the five steps.
   *
   * The one heat domain that only the layer can know; all others come from the server.
   *
   * @param {Scene} scene
   * @returns {{cell: (v: number) => number, total: (v: number) => number, delta: (v: number) => number}}
   */
  function visibleSteps(scene) {
    const { range } = scene.axes.x;
    const bars = scene.book.between(range[0] - 0.5, range[1] + 0.5);
    const stepper = (/** @type {number[]} */ values) => {
      const sorted = values.filter((v) => v > 0).sort((a, b) => a - b);
      const cuts = [0.25, 0.5, 0.75, 0.9].map((q) => sorted[Math.floor(q * (sorted.length - 1))]);
      return (/** @type {number} */ v) => (v > 0 ? cuts.filter((cut) => v > cut).length : -1);
    };
    const all = (/** @type {(bar: any) => number[]} */ pick) => bars.flatMap(pick);
    return {
      cell: stepper(all((bar) => bar.b.concat(bar.a))),
      total: stepper(all((bar) => bar.total)),
      delta: stepper(all((bar) => bar.b.map((/** @type {number} */ b, /** @type {number} */ k) => Math.abs(bar.a[k] - b)))),
    };
  }

  /** @param {Theme} theme @param {string} side @param {number} step @param {boolean} capped @returns {string} */
  function fillOf(theme, side, step, capped) {
    if (step < 0) return theme.blank;
    const ramp = side === 'buy' ? theme.heat_buy : side === 'sell' ? theme.heat_sell : theme.heat_neutral;
    return ramp[capped ? Math.min(step, theme.imbalance_cap) : Math.min(step, ramp.length - 1)];
  }

  /**
   * Numbers of a bar as texts, written once per bar and room.
   *
   * @param {Bar} bar @param {string} kind @param {number} room
   * @returns {string[]}
   */
  function textsOf(bar, kind, room) {
    const key = kind + room;
    if (!bar.texts[key]) {
      const values = {
        b: bar.b, a: bar.a, total: bar.total,
        delta: kind === 'delta' ? bar.p.map((_, k) => bar.a[k] - bar.b[k]) : [],
      }[kind];
      bar.texts[key] = values.map((/** @type {number} */ v) => (
        kind === 'delta' ? (v ? (v > 0 ? '+' : '') + of.formatSize(v, room) : of.ZERO) : of.formatSize(v, room)
      ));
    }
    return bar.texts[key];
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} k @returns {[number, number]|null} Snapped top and height of a row; null when it is out of view. */
  function rowSpan(scene, bar, k) {
    const [low, high] = of.rowEdges(bar.p[k], scene.scale);
    const bottom = scene.snap(scene.y(low));
    const top = scene.snap(scene.y(high));
    if (bottom <= scene.axes.price.top || top >= scene.axes.price.bottom) return null;
    return [top, bottom - top];
  }

  /**
   * LOD 1 and 2: the cells with their numbers.
   *
   * @param {Scene} scene @param {Bar} bar @param {number} cx
   */
  function layoutCells(scene, bar, cx) {
    const mode = scene.options.cells || 'bidask';
    const one = scene.lod === 1 ? mode : mode === 'bidask' || mode === 'delta' ? 'delta' : 'total';
    const left = scene.snap(cx + scene.slot.ladder);
    const right = scene.snap(cx + scene.slot.ladder + scene.slot.ladderWidth);
    // A number is shown whole or not at all: "31" for a clipped "−31" would mislead.
    const whole = scene.showsNumbers && left >= scene.axes.left && right <= scene.axes.bars;
    const flashing = scene.options.flash && scene.options.flash.get(bar.x);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = rowSpan(scene, bar, k);
      if (!span) continue;
      const row = { k, top: span[0], height: span[1], left, right, whole, marks: scene.marks(bar, k), mid: span[0] + (span[1] - 1) / 2 };
      scene.count += 1;
      if (one === 'bidask') twoNumbers(scene, bar, row);
      else if (one === 'profile') volumeSplit(scene, bar, row);
      else oneNumber(scene, bar, row, one);
      markEdges(scene, row);
      if (flashing && flashing.has(bar.p[k])) scene.sheet.frame(LAYER.EDGE, scene.lines.flash, [left + 0.5, row.top + 0.5, right - left - 1, row.height - 2]);
    }
    layoutHoles(scene, bar, left, right, whole);
    if (scene.slot.profileWidth) layoutInbar(scene, bar, cx);
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} left @param {number} right @param {boolean} numbers  Rows inside the bar where nothing traded: empty cells, so that the ladder has no holes. */
  function layoutHoles(scene, bar, left, right, numbers) {
    const { level } = scene.scale;
    const two = scene.twoNumbers;
    const spine = scene.snap((left + right) / 2);
    const px = 1 / scene.axes.dpr;
    for (let k = 1; k < bar.levels; k += 1) {
      for (let price = bar.p[k - 1] + level; price < bar.p[k]; price += level) {
        const [low, high] = of.rowEdges(price, scene.scale);
        const top = scene.snap(scene.y(high));
        const height = scene.snap(scene.y(low)) - top;
        if (top >= scene.axes.price.bottom || top + height <= scene.axes.price.top) continue;
        scene.sheet.fill(LAYER.FILL, scene.theme.blank, left, top, right - left, height - px);
        if (!numbers) continue;
        const y = scene.snap(top + (height - 1) / 2 + scene.baseline);
        if (!two) scene.sheet.text(LAYER.NUMBER, scene.text.center.zero, (left + right) / 2, y, of.ZERO);
        else {
          scene.sheet.text(LAYER.NUMBER, scene.text.right.zero, spine - px - 3, y, of.ZERO);
          scene.sheet.text(LAYER.NUMBER, scene.text.left.zero, spine + 3, y, of.ZERO);
        }
      }
    }
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row  Bid against the spine from the left, ask from the right. */
  function twoNumbers(scene, bar, row) {
    const { sheet, theme, steps } = scene;
    const { k, top, left, right, marks } = row;
    const px = 1 / scene.axes.dpr;
    const height = row.height - px;
    const spine = scene.snap((left + right) / 2);
    const bidFill = fillOf(theme, 'sell', steps ? steps.cell(bar.b[k]) : bar.hb[k], (marks & MARK.SELL) > 0);
    const askFill = fillOf(theme, 'buy', steps ? steps.cell(bar.a[k]) : bar.ha[k], (marks & MARK.BUY) > 0);
    sheet.fill(LAYER.FILL, bidFill, left, top, spine - left - px, height);
    sheet.fill(LAYER.FILL, askFill, spine, top, right - spine, height);
    const bid = textsOf(bar, 'b', scene.room)[k];
    const ask = textsOf(bar, 'a', scene.room)[k];
    const bidStyle = pick(scene.text.right, bar.b[k], marks & MARK.SELL ? 'sell' : 'plain');
    const askStyle = pick(scene.text.left, bar.a[k], marks & MARK.BUY ? 'buy' : 'plain');
    if (row.whole) {
      const y = scene.snap(row.mid + scene.baseline);
      sheet.text(LAYER.NUMBER, bidStyle, spine - px - 3, y, bid);
      sheet.text(LAYER.NUMBER, askStyle, spine + 3, y, ask);
    }
    record(scene, bar, row, { bid, ask, bidFill, askFill, bidColour: bidStyle.colour, askColour: askStyle.colour });
  }

  /** @param {any} family @param {number} value @param {string} role @returns {TextStyle} */
  function pick(family, value, role) {
    return value ? family[role] : family.zero;
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row @param {string} kind  delta or total: one number, at LOD 2 over its row's volume. */
  function oneNumber(scene, bar, row, kind) {
    const { sheet, theme, steps } = scene;
    const { k, top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    const delta = bar.a[k] - bar.b[k];
    const side = kind === 'total' ? 'neutral' : delta > 0 ? 'buy' : 'sell';
    const imbalance = marks & (MARK.BUY | MARK.SELL);
    const step = kind === 'total'
      ? (steps ? steps.total(bar.total[k]) : bar.ht[k])
      : (steps ? steps.delta(Math.abs(delta)) : (delta ? bar.hd[k] : -1));
    const fill = fillOf(theme, side, step, imbalance > 0);
    if (scene.lod === 1) {
      sheet.fill(LAYER.FILL, fill, left, top, right - left, height);
    } else {
      sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, height);
      const width = bar.top ? scene.snap(((right - left) * bar.total[k]) / bar.top) : 0;
      sheet.fill(LAYER.BODY, fillOf(theme, side, Math.min(Math.max(step, 0), theme.imbalance_cap), true), left, top, width, height);
    }
    const text = textsOf(bar, kind, scene.room)[k];
    const value = kind === 'total' ? bar.total[k] : delta;
    const style = pick(scene.text.center, value, roleOf(scene, kind, delta, marks));
    if (row.whole) sheet.text(LAYER.NUMBER, style, (left + right) / 2, scene.snap(row.mid + scene.baseline), text);
    record(scene, bar, row, { [kind]: text, fill, colour: style.colour });
  }

  /** @param {Scene} scene @param {string} kind @param {number} delta @param {number} marks @returns {string} Style of a single number: a delta has its own sign's colour, also in an imbalance. */
  function roleOf(scene, kind, delta, marks) {
    const imbalance = (marks & (MARK.BUY | MARK.SELL)) > 0;
    if (kind === 'total') return marks & MARK.BUY ? 'buy' : marks & MARK.SELL ? 'sell' : 'plain';
    if (imbalance) return delta > 0 ? 'buy' : 'sell';
    return scene.lod === 1 ? 'plain' : delta > 0 ? 'up' : 'down';
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row  Profile cells: bid and ask volume end to end, the total in a column at the right. */
  function volumeSplit(scene, bar, row) {
    const { sheet, theme } = scene;
    const { k, top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    const column = scene.showsNumbers ? BASE_CHARACTERS * scene.size * scene.glyph.width + 8 : 0; // the numbers' own
    const unit = bar.top ? Math.max(0, right - left - column) / bar.top : 0;
    const parts = [[theme.heat_sell[3], bar.b[k]], [theme.heat_neutral[3], bar.u[k]], [theme.heat_buy[3], bar.a[k]]];
    sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, height);
    let x = left;
    for (const [colour, size] of parts) {
      if (size) sheet.fill(LAYER.BODY, colour, x, top, size * unit, height);
      x += size * unit;
    }
    const text = textsOf(bar, 'total', scene.room)[k];
    const role = marks & MARK.BUY ? 'buy' : marks & MARK.SELL ? 'sell' : 'plain';
    const style = pick(scene.text.right, bar.total[k], role);
    if (row.whole) sheet.text(LAYER.NUMBER, style, right - 6, scene.snap(row.mid + scene.baseline), text);
    record(scene, bar, row, { total: text, fill: theme.blank, colour: style.colour });
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row @param {Object<string, any>} more  List the cell for tests. */
  function record(scene, bar, row, more) {
    if (!scene.cells) return;
    scene.cells.push({
      x: bar.x, price: bar.p[row.k], marks: row.marks, numbers: Boolean(row.whole),
      box: [row.left, row.top, row.right - row.left, row.height], ...more,
    });
  }

  /** @param {Scene} scene @param {any} row  Edge bars of imbalances, and the box of the POC. */
  function markEdges(scene, row) {
    const { sheet, theme } = scene;
    const { top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    if (marks & MARK.BUY) sheet.fill(LAYER.LINE, theme.buy_text, right - 3, top, 3, height);
    if (marks & MARK.SELL) sheet.fill(LAYER.LINE, theme.sell_text, left, top, 3, height);
    if (marks & MARK.BUY_STACK) sheet.fill(LAYER.EDGE, theme.buy_text, right + 1, top, 2, row.height);
    if (marks & MARK.SELL_STACK) sheet.fill(LAYER.EDGE, theme.sell_text, left - 3, top, 2, row.height);
    if (marks & MARK.POC) sheet.frame(LAYER.EDGE, scene.lines.poc, [left + 0.25, top + 0.25, right - left - 0.5, height - 0.5]);
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  The grey volume profile right of the ladder. */
  function layoutInbar(scene, bar, cx) {
    const { sheet, theme, slot } = scene;
    const most = scene.options.inbarScale === 'session' ? scene.book.top : bar.top;
    const left = scene.snap(cx + slot.profile);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = most ? rowSpan(scene, bar, k) : null;
      if (!span) continue;
      const width = Math.max(1, scene.snap((slot.profileWidth * bar.total[k]) / most));
      sheet.fill(LAYER.BODY, theme.heat_neutral[4], left, span[0] + 1, width, Math.max(1, span[1] - 3));
    }
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  LOD 3: bid to the left, ask to the right, POC ticks, imbalance dots. */
  function layoutMini(scene, bar, cx) {
    const { sheet, theme, slot } = scene;
    const left = scene.snap(cx + slot.ladder);
    const right = scene.snap(left + slot.ladderWidth);
    const spine = scene.snap((left + right) / 2);
    const half = Math.min(spine - left, right - spine) - 2;
    const most = Math.max(...bar.b, ...bar.a);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = rowSpan(scene, bar, k);
      if (!span) continue;
      const [top, height] = span;
      const inner = Math.max(1, height - (height >= 6 ? 1 : 0.5));
      const marks = scene.marks(bar, k);
      const bid = most > 0 ? scene.snap((half * bar.b[k]) / most) : 0;
      const ask = most > 0 ? scene.snap((half * bar.a[k]) / most) : 0;
      sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, inner);
      if (bid) sheet.fill(LAYER.BODY, theme.heat_sell[3], spine - bid, top, bid, inner);
      if (ask) sheet.fill(LAYER.BODY, theme.heat_buy[3], spine, top, ask, inner);
      const dot = Math.min(3, inner);
      const middle = top + (inner - dot) / 2;
      if (marks & MARK.SELL) sheet.fill(LAYER.EDGE, theme.sell_text, left - 1, middle, dot, dot);
      if (marks & MARK.BUY) sheet.fill(LAYER.EDGE, theme.buy_text, right + 1 - dot, middle, dot, dot);
      if (marks & MARK.POC) sheet.fill(LAYER.EDGE, theme.poc, spine - 4, top + inner / 2 - 1, 8, 2);
      scene.count += 1;
      record(scene, bar, { k, top, height, left, right, marks }, {});
    }
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  The candle at true prices. */
  function layoutCandle(scene, bar, cx) {
    const { sheet, theme, slot, lod } = scene;
    if (!slot.candleWidth) return;
    const colour = bar.c >= bar.o ? theme.buy : theme.sell;
    const px = 1 / scene.axes.dpr;
    const middle = scene.snap(cx + slot.candle - 0.5);
    const width = Math.max(px, slot.candleWidth);
    const left = scene.snap(middle + 0.5 - width / 2);
    const high = scene.snap(scene.y(bar.h));
    const low = scene.snap(scene.y(bar.l));
    const top = scene.snap(scene.y(Math.max(bar.o, bar.c)));
    const bottom = Math.max(scene.snap(scene.y(Math.min(bar.o, bar.c))), top + px);
    sheet.fill(LAYER.BODY, colour, middle, high, 1, Math.max(px, low - high));
    sheet.fill(LAYER.LINE, lod === 4 ? tint(scene, bar) : colour, left, top, width, bottom - top);
    if (lod === 4 && width >= 4) sheet.frame(LAYER.EDGE, { colour, width: 1 }, [left + 0.5, top + 0.5, width - 1, Math.max(0, bottom - top - 1)]);
    if (lod === 4 && scene.options.poc !== false && bar.poc !== null) {
      const [from, to] = of.rowEdges(bar.poc, scene.scale);
      sheet.fill(LAYER.TAG, theme.poc, middle - 1, scene.y((from + to) / 2) - 1.5, 3, 3);
    }
  }

  /** @param {Scene} scene @param {Bar} bar @returns {string} LOD 4: the side that was stronger, by its heat step. */
  function tint(scene, bar) {
    const step = bar.shade.delta === undefined ? 3 : bar.shade.delta;
    return fillOf(scene.theme, bar.delta > 0 ? 'buy' : 'sell', bar.delta ? Math.max(step, 0) : -1, false);
  }

  /** @param {Scene} scene @param {Bar} bar @returns {[number, number]} Top and bottom of all that stands for the bar's prices, px. */
  function extent(scene, bar) {
    const first = bar.levels && scene.lod <= 3 ? of.rowEdges(bar.p[0], scene.scale)[0] : bar.l;
    const last = bar.levels && scene.lod <= 3 ? of.rowEdges(bar.p[bar.levels - 1], scene.scale)[1] : bar.h;
    return [scene.snap(scene.y(Math.max(last, bar.h))), scene.snap(scene.y(Math.min(first, bar.l)))];
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  Outline of the forming bar, gap stripe, delta below. */
  function layoutTags(scene, bar, cx) {
    const { sheet, slot, lod } = scene;
    const [top, bottom] = extent(scene, bar);
    const forming = bar.x === scene.head.live && lod <= 3;
    const left = scene.snap(cx + slot.left);
    const wide = Math.round(slot.width);
    if (forming) sheet.frame(LAYER.EDGE, scene.lines.forming, [left - 3.5, top - 3.5, wide + 7, bottom - top + 7, 3]);
    if (bar.gap) sheet.fill(LAYER.TAG, scene.theme.warning, left, top - (forming ? 10 : 7), Math.max(2, wide), 3);
    if (lod > 2 || scene.options.deltas === false || bar.delta === null) return;
    const style = bar.delta > 0 ? scene.tags.up : bar.delta < 0 ? scene.tags.down : scene.tags.flat;
    const y = bottom + (forming ? 17 : 14);
    if (y + 3 > scene.axes.price.bottom || bottom < scene.axes.price.top) return;
    const middle = scene.snap(cx + slot.ladder + slot.ladderWidth / 2);
    if (cx + slot.left < scene.axes.left || cx + slot.left + slot.width > scene.axes.bars) return;
    const text = `Δ ${of.formatSigned(bar.delta, 6)}`;
    const width = text.length * style.size * scene.glyph.width + 6;
    sheet.fill(LAYER.EDGE, of.alpha(scene.theme.background, 0.75), middle - width / 2, y - 10, width, 13);
    sheet.text(LAYER.TAG, style, middle, y, text);
  }

  /** @param {Scene} scene  Stacked zones: a tinted area and a line at the edge that price meets first. */
  function layoutZones(scene) {
    const { sheet, theme, axes } = scene;
    if (scene.options.imb === false || scene.options.stacks === false || scene.lod > 4) return;
    for (const zone of scene.head.zones || []) {
      const to = zone.to === null || zone.to === undefined ? axes.bars : scene.x(zone.to);
      const from = scene.x(zone.x) + scene.slot.left + scene.slot.width;
      if (to <= from || to < axes.left || from > axes.bars) continue;
      const buy = zone.side > 0;
      const top = scene.snap(scene.y(of.rowEdges(zone.high, scene.scale)[1]));
      const bottom = scene.snap(scene.y(of.rowEdges(zone.low, scene.scale)[0]));
      const start = scene.snap(from);
      sheet.fill(LAYER.ZONE, of.alpha(buy ? theme.buy : theme.sell, 0.1), start, top, to - start, bottom - top);
      const edge = (buy ? top : bottom) - 0.5;
      sheet.line(LAYER.ZONE, buy ? scene.lines.zoneBuy : scene.lines.zoneSell, [start, edge, to, edge]);
    }
  }

  /**
   * The session VWAP with a halo: over the fills, under the numbers, anew at each session's start.
   *
   * @param {Scene} scene @param {Bar[]} bars  Ascending; one more at each side than is in view.
   */
  function layoutVwap(scene, bars) {
    if (scene.options.vwap === false) return;
    /** @type {number[]} */
    let points = [];
    const close = () => {
      if (points.length > 2) {
        scene.sheet.line(LAYER.LINE, scene.lines.halo, points);
        scene.sheet.line(LAYER.LINE, scene.lines.vwap, points);
      }
      points = [];
    };
    let before = -2;
    for (const bar of bars) {
      if (bar.date || bar.vwap === null || bar.x !== before + 1) close();
      before = bar.x;
      if (bar.vwap === null) continue;
      points.push(scene.x(bar.x), scene.y(bar.vwap));
      if (bar.x === scene.head.live) points.push(scene.x(bar.x + 0.6), scene.y(bar.vwap));
    }
    close();
  }

  /** @param {Scene} scene @param {Bar[]} bars  A line through all panes where a session begins. */
  function layoutSessions(scene, bars) {
    for (const bar of bars) {
      if (!bar.date || bar.x === 0) continue;
      const x = Math.floor(scene.x(bar.x - 0.5)) + 0.5;
      scene.sheet.line(LAYER.ZONE, scene.lines.session, [x, scene.axes.price.top, x, scene.axes.price.bottom]);
    }
  }

  /**
   * Lay out the price pane.
   *
   * @param {any} book     A Book that holds bars.
   * @param {Axes} axes
   * @param {Options} options
   * @param {[number, number]} [only]  Positions to lay out; all in view when absent.
   * @returns {{sheet: any, lod: number, rowPx: number, barPx: number, count: number, cells: Object[]|null}}
   */
  function layoutPane(book, axes, options, only) {
    const scene = new Scene(book, axes, options);
    const [from, to] = only || axes.x.range;
    const bars = book.between(from - 1, to + 1);
    layoutSessions(scene, bars);
    if (options.ladder === 'plotly') return result(scene);
    layoutZones(scene);
    for (const bar of bars) {
      const cx = scene.x(bar.x);
      if (cx + scene.barPx / 2 < axes.left || cx - scene.barPx / 2 > axes.bars) continue;
      layoutCandle(scene, bar, cx);
      if (scene.lod <= 2) layoutCells(scene, bar, cx);
      else if (scene.lod === 3) layoutMini(scene, bar, cx);
      layoutTags(scene, bar, cx);
    }
    layoutVwap(scene, bars);
    return result(scene);
  }

  /** @param {Scene} scene @returns {{sheet: any, lod: number, rowPx: number, barPx: number, count: number, cells: Object[]|null}} */
  function result(scene) {
    const { sheet, lod, rowPx, barPx, count, cells } = scene;
    return { sheet, lod, rowPx, barPx, count, cells };
  }

  Object.assign(of, { MARK, layoutPane });
})(window.orderflow);
