/*
 * Where positions and prices stand in pixels: a plain copy of what Plotly's axes say right now.
 *
 * Plotly replaces its axis objects at redraws and moves their ranges during a drag, so they are
 * read anew for each painting and kept nowhere.
 */

/**
 * @typedef {Object} Axis   A straight line from value to px.
 * @property {[number, number]} range  Values at the two ends.
 * @property {[number, number]} px     Their pixels, from the left or top of the graph's div.
 *
 * @typedef {Object} Pane   One plot area above another, sharing the x axis.
 * @property {string} kind   price, cvd, delta or volume.
 * @property {Axis} y        Values: prices as text shows them, or sizes.
 * @property {number} top @property {number} bottom
 * @property {number[]} ticks     Values that Plotly draws grid lines at.
 * @property {boolean} labelled   The layer is to label them.
 *
 * @typedef {Object} Axes
 * @property {number} width @property {number} height  Of the graph's div, px.
 * @property {number} dpr        Device pixels per px.
 * @property {number} left @property {number} right    Of the plot area.
 * @property {number} bars       Right end of where bars may be painted (left of the profile).
 * @property {Axis} x
 * @property {Pane} price
 * @property {Pane[]} panes      Those below the price pane.
 * @property {number} strip      Top of the statistics strip.
 */

(function (of) {
  'use strict';

  /** @param {Axis} axis @param {number} value @returns {number} px. */
  function toPx(axis, value) {
    const [from, to] = axis.range;
    return axis.px[0] + ((axis.px[1] - axis.px[0]) * (value - from)) / (to - from);
  }

  /** @param {Axis} axis @param {number} px @returns {number} Value. */
  function fromPx(axis, px) {
    const [from, to] = axis.range;
    return from + ((to - from) * (px - axis.px[0])) / (axis.px[1] - axis.px[0]);
  }

  /** @param {number} px @param {number} dpr @returns {number} The nearest device pixel, in px. */
  function snap(px, dpr) {
    return Math.round(px * dpr) / dpr;
  }

  /** @param {any} axis  One of Plotly's. @returns {Axis} */
  function copyAxis(axis) {
    const [from, to] = axis.range;
    return { range: [from, to], px: [axis._offset + axis.l2p(from), axis._offset + axis.l2p(to)] };
  }

  /** @param {any} axis @param {string} kind @returns {Pane} */
  function copyPane(axis, kind) {
    return {
      kind,
      y: copyAxis(axis),
      top: axis._offset,
      bottom: axis._offset + axis._length,
      ticks: (axis._vals || []).filter((/** @type {any} */ t) => !t.minor).map((/** @type {any} */ t) => t.x),
      labelled: axis.showticklabels === false,
    };
  }

  /**
   * Read Plotly's axes.
   *
   * @param {any} gd  The graph's div; null, or without a layout yet, gives null.
   * @returns {Axes|null}
   */
  function readAxes(gd) {
    const full = gd && gd._fullLayout;
    if (!full || !full.xaxis || !full.yaxis || !full.xaxis._length || !full.yaxis._length) return null;
    const meta = full.meta || {};
    const kinds = meta.panes || { yaxis2: 'cvd' };
    const panes = Object.keys(kinds).filter((name) => full[name] && full[name].visible !== false && full[name]._length && !full[name].overlaying);
    const { xaxis } = full;
    const right = xaxis._offset + xaxis._length;
    return {
      width: full.width,
      height: full.height,
      dpr: window.devicePixelRatio || 1,
      left: xaxis._offset,
      right,
      bars: right - (meta.profile_px || 0),
      x: copyAxis(xaxis),
      price: copyPane(full.yaxis, 'price'),
      panes: panes.map((name) => copyPane(full[name], kinds[name])).sort((a, b) => a.top - b.top),
      strip: full._size.t + full._size.h,
    };
  }

  /** @param {Axes} axes @returns {number} Distance of two bars, px. */
  function barSpacing(axes) {
    return (axes.x.px[1] - axes.x.px[0]) / (axes.x.range[1] - axes.x.range[0]);
  }

  /** @param {Axes} axes @param {Scale} scale @returns {number} Height of a ladder row, px. */
  function rowHeight(axes, scale) {
    const { y } = axes.price;
    return Math.abs((y.px[1] - y.px[0]) / (y.range[1] - y.range[0])) * (scale.level / scale.price);
  }

  /**
   * The edges of a price's row: what its cell covers.
   *
   * @param {number} price  Price units: lower edge, or centre when the anchor is nearest.
   * @param {Scale} scale
   * @returns {[number, number]}  Lower and upper edge, price units.
   */
  function rowEdges(price, scale) {
    const low = scale.anchor === 'nearest' ? price - scale.level / 2 : price;
    return [low, low + scale.level];
  }

  Object.assign(of, { toPx, fromPx, snap, readAxes, barSpacing, rowHeight, rowEdges });
})(window.orderflow);
