/*
 * The book: the bars that the layer holds, kept by position, replaced by what each answer brings.
 *
 * Knows the payload's wire format (docs/ARCHITECTURE.md, "The layer's payload") and nothing of
 * pixels. No market rule lives here: numbers, flags and heat steps are taken as they come.
 */

/**
 * @typedef {Object} Bar  One bar: the payload's columns at its index, and its levels, ascending.
 * @property {number} x    Position.
 * @property {string} label @property {string} date   Time, and the date at a session's first bar.
 * @property {number} o @property {number} h @property {number} l @property {number} c
 * @property {number[]} p @property {number[]} b @property {number[]} a @property {number[]} u
 * @property {number[]} hb @property {number[]} ha @property {number[]} ht @property {number[]} hd
 * @property {number[]} m  Marks of a level: 1 buy, 2 sell imbalance, 4 buy, 8 sell stack, 16 POC.
 * @property {number} top  Largest volume of a level.
 * @property {Object<string, number>} shade  Heat steps of the statistics cells.
 * @property {Object<string, string[]>} texts  Numbers already written, by kind.
 */

(function (of) {
  'use strict';

  const LEVEL_COLUMNS = ['p', 'b', 'a', 'u', 'n', 'hb', 'ha', 'ht', 'hd', 'm'];

  /** What an answer changed, in rising order of the work it makes. */
  const CHANGE = { NONE: 0, LIVE: 1, ALL: 2 };

  /**
   * Cut one bar out of a payload's columns.
   *
   * @param {Object<string, any>} payload
   * @param {number} k  Index in the columns.
   * @returns {Bar}
   */
  function readBar(payload, k) {
    const { bars, cells } = payload;
    /** @type {any} */
    const bar = { texts: {}, shade: {} };
    for (const name of Object.keys(bars)) {
      if (name === 'shade') {
        for (const row of Object.keys(bars.shade)) bar.shade[row] = bars.shade[row][k];
      } else {
        bar[name] = bars[name][k];
      }
    }
    const from = cells.off[k];
    const to = cells.off[k + 1];
    for (const name of LEVEL_COLUMNS) bar[name] = cells[name] ? cells[name].slice(from, to) : null;
    bar.levels = bar.p.length;
    bar.trades = bars.n ? bars.n[k] : null; // `n` of a bar is shadowed by its levels' `n`
    bar.u = bar.u || bar.p.map(() => 0);
    bar.hd = bar.hd || bar.ht;
    bar.total = bar.p.map((/** @type {number} */ _, /** @type {number} */ i) => bar.b[i] + bar.a[i] + bar.u[i]);
    bar.top = bar.total.reduce((/** @type {number} */ most, /** @type {number} */ v) => Math.max(most, v), 0);
    return bar;
  }

  /** The bars held, the newest answer's other fields, and what was asked for. */
  class Book {
    constructor() {
      /** @type {Map<number, Bar>} */
      this.bars = new Map();
      /** @type {Object<string, any>|null} */
      this.head = null;
      this.low = 0; // first and last position that answers so far have covered
      this.high = -1;
      this.top = 0; // largest volume of any level held
    }

    /**
     * Take an answer in.
     *
     * @param {Object<string, any>} payload
     * @returns {{change: number, touched: Map<number, Set<number>>}}  How much is to be painted
     *   anew, and for the live bar the prices of the cells whose numbers changed.
     */
    apply(payload) {
      const before = this.head;
      const fresh = !before || payload.complete || payload.view !== before.view;
      if (fresh) {
        this.bars.clear();
        this.low = payload.first;
        this.high = payload.first - 1;
        this.top = 0;
      }
      const touched = this.replace(payload);
      this.head = { ...payload, bars: null, cells: null };
      for (const name of ['zones', 'tags', 'rows', 'row_names']) {
        if (!payload[name]) this.head[name] = fresh ? [] : before[name];
      }
      return { change: this.changeOf(before, payload, fresh), touched };
    }

    /**
     * Put the payload's bars in the place of those of the same position.
     *
     * @param {Object<string, any>} payload
     * @returns {Map<number, Set<number>>}  Position to prices of changed cells.
     */
    replace(payload) {
      const touched = new Map();
      payload.bars.x.forEach((/** @type {number} */ x, /** @type {number} */ k) => {
        const bar = readBar(payload, k);
        const old = this.bars.get(x);
        if (old) touched.set(x, changedPrices(old, bar));
        this.bars.set(x, bar);
        this.high = Math.max(this.high, x);
        this.top = Math.max(this.top, bar.top);
      });
      return touched;
    }

    /**
     * Say how much an answer changed.
     *
     * @param {Object<string, any>|null} before
     * @param {Object<string, any>} payload
     * @param {boolean} fresh
     * @returns {number}  One of CHANGE.
     */
    changeOf(before, payload, fresh) {
      if (fresh || payload.live !== before.live || payload.total !== before.total) return CHANGE.ALL;
      if (payload.bars.x.some((/** @type {number} */ x) => x !== payload.live)) return CHANGE.ALL;
      if (payload.zones && JSON.stringify(payload.zones) !== JSON.stringify(before.zones)) return CHANGE.ALL;
      return payload.bars.x.length || payload.version !== before.version ? CHANGE.LIVE : CHANGE.NONE;
    }

    /** @returns {string|null}  The hash that names what the positions are of. */
    get figure() {
      return this.head && (this.head.figure || null);
    }

    /**
     * Bars of a range of positions, ascending.
     *
     * @param {number} from  Any number; bars from here on.
     * @param {number} to    Any number; bars up to here.
     * @returns {Bar[]}
     */
    between(from, to) {
      const found = [];
      for (let x = Math.max(Math.ceil(from), this.low); x <= Math.min(Math.floor(to), this.high); x += 1) {
        const bar = this.bars.get(x);
        if (bar) found.push(bar);
      }
      return found;
    }

    /** @param {number} x @returns {string}  Date of the session that a position belongs to, "" when it is not known. */
    dateOf(x) {
      for (let at = Math.min(x, this.high); at >= this.low; at -= 1) {
        const bar = this.bars.get(at);
        if (bar && bar.date) return bar.date;
      }
      return (this.head && this.head.date) || '';
    }

    /**
     * Whether every bar of a range that exists is held.
     *
     * @param {number} from
     * @param {number} to
     * @returns {boolean}
     */
    covers(from, to) {
      if (!this.head) return false;
      const first = Math.max(0, Math.ceil(from));
      const last = Math.min(this.head.total - 1, Math.floor(to));
      return first > last || (first >= this.low && last <= this.high);
    }
  }

  /**
   * Prices at which two versions of a bar differ in bid or ask size.
   *
   * @param {Bar} old
   * @param {Bar} bar
   * @returns {Set<number>}
   */
  function changedPrices(old, bar) {
    const before = new Map(old.p.map((price, k) => [price, k]));
    const prices = new Set();
    bar.p.forEach((price, k) => {
      const was = before.get(price);
      if (was === undefined || old.b[was] !== bar.b[k] || old.a[was] !== bar.a[k]) prices.add(price);
    });
    return prices;
  }

  /** @param {Object<string, any>} payload A complete payload. @returns {Book} A book of its own. */
  function bookOf(payload) {
    const book = new Book();
    book.apply(payload);
    return book;
  }

  Object.assign(of, { Book, bookOf, CHANGE });
})(window.orderflow);
