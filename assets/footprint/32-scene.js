/*
 * The scene: what laying out any part of the price pane needs to know, worked out once.
 *
 * Pure, like all layouts: a book, axes in pixels and options in, sheets out.
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

  Object.assign(of, { MARK, BASE_CHARACTERS, Scene, fillOf, textsOf, rowSpan });
})(window.orderflow);
