/*
 * Colours and lengths. The values come from Python (figures/theme.py, `layer_theme`); those here
 * are the same dark palette, so that the layer also works in a page that names none.
 */

/**
 * @typedef {Object} Theme  Colours by role as #RRGGBB, heat ramps of five fills, fonts, lengths in px.
 * @property {string} background @property {string} panel @property {string} raised
 * @property {string} line @property {string} text @property {string} secondary @property {string} faint
 * @property {string} number @property {string} buy @property {string} sell
 * @property {string} buy_text @property {string} sell_text @property {string} neutral
 * @property {string} poc @property {string} vah @property {string} val @property {string} vwap
 * @property {string} warning @property {string} pill_text
 * @property {string[]} heat_buy @property {string[]} heat_sell @property {string[]} heat_neutral
 * @property {string} blank                     Fill of a cell without heat.
 * @property {string} font_mono @property {string} font_sans
 * @property {number} imbalance_cap             Hottest step under an imbalance's number.
 * @property {number} number_px @property {number} table_row_px @property {number} time_row_px
 * @property {number} candle_px @property {number} candle_gap_px @property {number} bar_gap_px
 */

(function (of) {
  'use strict';

  const HEAT = [0.10, 0.20, 0.34, 0.50, 0.68];

  const DARK = {
    background: '#0F141B', panel: '#151B24', raised: '#1B2330', line: '#202938',
    text: '#E6EAF0', secondary: '#9AA6B5', faint: '#6B7787', number: '#F2F5F9',
    buy: '#26A69A', sell: '#EF5350', buy_text: '#35E0C8', sell_text: '#FF7A76',
    neutral: '#5B6B80', poc: '#FFD54A', vah: '#5AB0FF', val: '#C9A6FF', vwap: '#FFB454',
    filled: '#4A5568', warning: '#FFB454', pill_text: '#0F141B',
    font_mono: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
    font_sans: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
    imbalance_cap: 2, number_px: 11, table_row_px: 18, time_row_px: 18,
    candle_px: 7, candle_gap_px: 3, bar_gap_px: 8,
  };

  /** @param {string} colour  #RRGGBB. @returns {number[]} red, green, blue, 0 to 255. */
  function channels(colour) {
    const value = parseInt(colour.slice(1), 16);
    return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  }

  /**
   * Lay a share of one colour over another.
   *
   * @param {string} background  #RRGGBB.
   * @param {string} colour      #RRGGBB.
   * @param {number} share       0 to 1.
   * @returns {string}           #RRGGBB.
   */
  function mix(background, colour, share) {
    const over = channels(colour);
    const parts = channels(background).map((b, i) => Math.round(b + (over[i] - b) * share));
    return `#${parts.map((c) => c.toString(16).padStart(2, '0')).join('')}`;
  }

  /** @param {string} colour @param {number} opacity @returns {string} A CSS colour with an opacity. */
  function alpha(colour, opacity) {
    return `rgba(${channels(colour).join(',')},${opacity})`;
  }

  /**
   * Complete a theme: the dark values where it names none, ramps mixed from its own colours.
   *
   * @param {Object<string, any>} [given]
   * @returns {Theme}
   */
  function themeOf(given) {
    const theme = { ...DARK, ...given };
    for (const side of ['buy', 'sell', 'neutral']) {
      theme[`heat_${side}`] = theme[`heat_${side}`]
        || HEAT.map((share) => mix(theme.background, theme[side], share));
    }
    theme.blank = theme.blank || mix(theme.background, theme.panel, 0.7);
    return theme;
  }

  Object.assign(of, { mix, alpha, themeOf });
})(window.orderflow);
