/*
 * The whole picture as sheets, and as plain lists of boxes, texts and lines.
 */

(function (of) {
  'use strict';

  /**
   * @typedef {Object} Picture   What one painting paints.
   * @property {any[]} sheets    In painting order.
   * @property {number} lod @property {number} rowPx @property {number} barPx
   * @property {number} count    Ladder rows laid out.
   * @property {Object[]|null} cells  The cells as objects, when `options.record` is set.
   */

  /**
   * Lay out everything that is in view.
   *
   * @param {any} book @param {Axes} axes @param {Options & {countdown?: string}} options
   * @returns {Picture}
   */
  function layoutAll(book, axes, options) {
    const { sheet, ...facts } = of.layoutPane(book, axes, options);
    return {
      ...facts,
      sheets: [
        of.layoutLeft(book, axes, options), sheet, of.layoutPanes(book, axes, options),
        of.layoutStrip(book, axes, options), of.layoutRight(book, axes, options),
      ],
    };
  }

  /**
   * Lay out what a change of the live bar alone can alter: its column from the middle of the bar
   * before (where the VWAP's last segment starts) to the right, and the right gutter.
   *
   * @param {any} book @param {Axes} axes @param {Options & {countdown?: string}} options
   * @returns {Picture}
   */
  function layoutLive(book, axes, options) {
    const x = book.head.live;
    /** @type {[number, number]} */
    const only = [x - 1, x];
    const from = of.snap(of.toPx(axes.x, x - 1), axes.dpr);
    const cut = (/** @type {any} */ sheet) => {
      const end = sheet.clip.x + sheet.clip.w;
      const start = Math.min(Math.max(sheet.clip.x, from), end);
      sheet.clip = { ...sheet.clip, x: start, w: end - start };
      return sheet;
    };
    const { sheet, ...facts } = of.layoutPane(book, axes, options, only);
    const pieces = [sheet, of.layoutPanes(book, axes, options, only), of.layoutStrip(book, axes, options, only)];
    return { ...facts, sheets: [...pieces.map(cut), of.layoutRight(book, axes, options)] };
  }

  /**
   * Lay out a payload: the pure core, for tests and other renderers.
   *
   * @param {Object<string, any>} payload  A complete one.
   * @param {Axes} axes
   * @param {Options} [options]
   * @returns {{boxes: Object[], texts: Object[], lines: Object[], cells: Object[], lod: number}}
   */
  function layout(payload, axes, options = {}) {
    const picture = layoutAll(of.bookOf(payload), axes, { ...options, record: true });
    const lists = picture.sheets.map((sheet) => sheet.list());
    return {
      boxes: lists.flatMap((list) => list.boxes),
      texts: lists.flatMap((list) => list.texts),
      lines: lists.flatMap((list) => list.lines),
      cells: picture.cells || [],
      lod: picture.lod,
    };
  }

  Object.assign(of, { layoutAll, layoutLive, layout });
})(window.orderflow);
