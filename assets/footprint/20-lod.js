/*
 * How much of a bar can be shown: the level of detail, and where its parts stand in the slot.
 *
 * Pure functions of pixels. The steps are: 1 two numbers, 2 one number over bars, 3 mini-profile
 * without text, 4 candle with a delta tint, 5 candle.
 */

/**
 * @typedef {Object} Slot   Offsets from the bar's centre, px; a width of 0 means "not shown".
 * @property {number} left  Left end of all that the bar paints.
 * @property {number} width Of all that the bar paints.
 * @property {number} candle  Centre of the candle.
 * @property {number} candleWidth
 * @property {number} ladder  Left end of the ladder.
 * @property {number} ladderWidth
 * @property {number} profile Left end of the in-bar profile.
 * @property {number} profileWidth
 */

(function (of) {
  'use strict';

  /**
   * Choose the level of detail of a bar spacing and a row height.
   *
   * @param {number} barPx  Distance of two bars, px.
   * @param {number} rowPx  Height of a ladder row, px.
   * @returns {1|2|3|4|5}
   */
  function levelOfDetail(barPx, rowPx) {
    if (barPx >= 96 && rowPx >= 14) return 1;
    if (barPx >= 64 && rowPx >= 12) return 2;
    if (barPx >= 24 && rowPx >= 4) return 3;
    return barPx >= 8 ? 4 : 5;
  }

  /**
   * Opacity of the numbers: they fade in from a row of 11 px to one of 14, instead of blinking.
   *
   * @param {number} rowPx
   * @returns {number}  0 to 1.
   */
  function textOpacity(rowPx) {
    return Math.min(1, Math.max(0, (rowPx - 11) / 3));
  }

  /**
   * Size of the numbers in a ladder.
   *
   * @param {number} rowPx
   * @param {number} barPx
   * @param {number} roomPx   Width that `characters` digits have.
   * @param {number} characters
   * @returns {number}  px in steps of a half, 6 to 13.
   */
  function numberSize(rowPx, barPx, roomPx, characters) {
    const fit = roomPx / (characters * 0.603);
    const size = Math.min(rowPx - 4, 0.28 * barPx / 2, fit, 13);
    return Math.max(6, Math.floor(size * 2) / 2);
  }

  /**
   * Divide a slot among candle strip, ladder and in-bar profile.
   *
   * @param {number} barPx
   * @param {number} lod
   * @param {{candles?: boolean, inbar?: boolean, cells?: string}} options
   * @param {{candle_px: number, candle_gap_px: number, bar_gap_px: number}} theme
   * @returns {Slot}
   */
  function divideSlot(barPx, lod, options, theme) {
    if (lod >= 4) return plainSlot(barPx, lod);
    const gap = lod === 3 ? Math.max(2, 0.1 * barPx) : Math.max(theme.bar_gap_px, 0.08 * barPx);
    const width = barPx - gap;
    const left = -width / 2;
    const narrow = barPx < 48;
    const candleWidth = options.candles === false ? 0 : narrow ? 3 : theme.candle_px;
    const strip = candleWidth ? candleWidth + (narrow ? 2 : theme.candle_gap_px) : 0;
    const wantsProfile = lod === 1 && options.inbar !== false && options.cells !== 'profile';
    const profileWidth = wantsProfile ? Math.min(28, Math.round(0.14 * barPx)) : 0;
    const ladder = left + strip;
    const ladderWidth = width - strip - (profileWidth ? profileWidth + 3 : 0);
    return {
      left, width, candle: left + candleWidth / 2, candleWidth,
      ladder, ladderWidth, profile: ladder + ladderWidth + 3, profileWidth,
    };
  }

  /** @param {number} barPx @param {number} lod @returns {Slot} A slot that holds a candle only. */
  function plainSlot(barPx, lod) {
    const width = Math.max(1, lod === 4 ? Math.min(0.62 * barPx, 16) : 0.7 * barPx);
    return {
      left: -width / 2, width, candle: 0, candleWidth: width,
      ladder: -width / 2, ladderWidth: width, profile: 0, profileWidth: 0,
    };
  }

  Object.assign(of, { levelOfDetail, textOpacity, numberSize, divideSlot });
})(window.orderflow);
