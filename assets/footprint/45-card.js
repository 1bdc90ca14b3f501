/*
 * The hover card's contents and place. Pure: a bar and a price in, lines of text out.
 */

(function (of) {
  'use strict';

  const MARKS = [[1, 'Buy imbalance', 'up'], [2, 'Sell imbalance', 'down'], [4, 'in a buy stack', 'up'], [8, 'in a sell stack', 'down'], [16, 'POC of the bar', 'poc']];

  /**
   * Index of the level whose row holds a price.
   *
   * @param {Bar} bar @param {number} price  Price units. @param {Scale} scale
   * @returns {number}  -1 when nothing traded there.
   */
  function levelAt(bar, price, scale) {
    return bar.p.findIndex((p) => {
      const [low, high] = of.rowEdges(p, scale);
      return price >= low && price < high;
    });
  }

  /**
   * What the card says of a bar and of the cell under the pointer.
   *
   * @param {any} head  The newest answer.
   * @param {Bar} bar
   * @param {number|null} price  Price units under the pointer, null outside the price pane.
   * @returns {{title: string, date: string, bar: string[][], cell: string[][], cellTitle: string}}
   *   Pairs of name and value, a third entry names the colour: up, down or poc.
   */
  function cardOf(head, bar, price) {
    const { scale } = head;
    const money = (/** @type {number|null} */ p) => (p === null || p === undefined ? '–' : of.formatPrice(Math.round(p), scale));
    const count = (/** @type {number|null} */ v) => of.formatCount(v, 11, scale.grouping) || '–';
    const signed = (/** @type {number|null} */ v) => of.formatSigned(v, 11, scale.grouping) || '–';
    const way = (/** @type {number|null} */ v) => (v ? (v > 0 ? 'up' : 'down') : '');
    const rows = [
      ['Open', money(bar.o)], ['High', money(bar.h)], ['Close', money(bar.c), bar.c >= bar.o ? 'up' : 'down'], ['Low', money(bar.l)],
      ['Volume', count(bar.vol)], [head.estimated ? 'Trades ≈' : 'Trades', count(bar.trades)],
      ['Δ', signed(bar.delta), way(bar.delta)], ['Δ %', of.formatPercent(bar.pct) || '–', way(bar.pct)],
      ['Max Δ', signed(bar.max), way(bar.max)], ['Min Δ', signed(bar.min), way(bar.min)],
      ['CVD', signed(bar.cvd), way(bar.cvd)], ['VWAP', money(bar.vwap)],
      ['Bar VWAP', money(bar.bvwap)], ['POC', money(bar.poc)],
    ];
    if (bar.unk) rows.push(['Side unknown', count(bar.unk)]);
    if (bar.una) rows.push(['Unattributed', count(bar.una)]);
    const cell = price === null ? -1 : levelAt(bar, price, scale);
    return { title: spanText(bar, head), date: bar.date || '', bar: rows, ...cellRows(bar, cell, scale, count, signed, way) };
  }

  /** @param {Bar} bar @param {any} head @returns {string} Start of the bar, and whether it is still forming. */
  function spanText(bar, head) {
    return bar.x === head.live ? `${bar.label} · forming` : bar.label;
  }

  /** @param {Bar} bar @param {number} k @param {Scale} scale @param {(v: any) => string} count @param {(v: any) => string} signed @param {(v: any) => string} way @returns {{cell: string[][], cellTitle: string}} */
  function cellRows(bar, k, scale, count, signed, way) {
    if (k < 0) return { cell: [], cellTitle: '' };
    const [low, high] = of.rowEdges(bar.p[k], scale);
    const delta = bar.a[k] - bar.b[k];
    const rows = [
      ['Bid', count(bar.b[k])], ['Ask', count(bar.a[k])],
      ['Total', count(bar.total[k])], ['Δ', signed(delta), way(delta)],
    ];
    for (const [bit, text, colour] of MARKS) {
      if (bar.m[k] & /** @type {number} */ (bit)) rows.push([/** @type {string} */ (text), '', /** @type {string} */ (colour)]);
    }
    return { cell: rows, cellTitle: `${of.formatPrice(low, scale)} – ${of.formatPrice(high, scale)}` };
  }

  /**
   * Where the card stands: beside the bar's slot, at the pointer's height, never outside.
   *
   * @param {{left: number, right: number, y: number}} at  The slot and the pointer, px.
   * @param {{width: number, height: number}} card
   * @param {{left: number, right: number, top: number, bottom: number}} bounds
   * @returns {{x: number, y: number}}  Left top corner.
   */
  function placeCard(at, card, bounds) {
    const gap = 8;
    const fitsRight = at.right + gap + card.width <= bounds.right;
    const x = fitsRight ? at.right + gap : Math.max(bounds.left, at.left - gap - card.width);
    const y = Math.min(Math.max(at.y - card.height / 3, bounds.top + 4), bounds.bottom - card.height - 4);
    return { x: Math.round(Math.min(x, bounds.right - card.width)), y: Math.round(Math.max(y, bounds.top)) };
  }

  Object.assign(of, { cardOf, placeCard, levelAt });
})(window.orderflow);
