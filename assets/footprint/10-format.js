/*
 * Numbers as text: prices, sizes, signed sums, percentages, times to go.
 *
 * Pure functions, called by the layout, the hover card and the tests. What a number means is the
 * server's matter; here it only gets its digits. Minus is U+2212, as wide as the plus sign.
 */

/**
 * @typedef {Object} Scale            How prices and sizes of a payload are to be read.
 * @property {number} price           Price units per 1.00.
 * @property {number} decimals        Decimals of a price as text.
 * @property {number} level           Height of a ladder row, price units.
 * @property {number} tick            Smallest price step, price units.
 * @property {number} lot             Contracts in a lot.
 * @property {"lots"|"qty"} unit      What sizes are counted in.
 * @property {"floor"|"nearest"} anchor  A level's price is its lower edge, or its centre.
 * @property {"indian"|"thousands"|"none"} [grouping]  Digit grouping, Indian when absent.
 */

window.orderflow = window.orderflow || {};

(function (of) {
  'use strict';

  const MINUS = '\u2212';
  const ZERO = '·';
  const UNITS = ['', 'k', 'M', 'B', 'T'];

  /**
   * Put separators into a run of digits: 1,23,456 (Indian) or 123,456.
   *
   * @param {string} digits   Digits only.
   * @param {"indian"|"thousands"|"none"} [grouping]
   * @returns {string}
   */
  function groupDigits(digits, grouping = 'indian') {
    if (grouping === 'none' || digits.length <= 3) return digits;
    const tail = digits.slice(-3);
    const size = grouping === 'indian' ? 2 : 3;
    const groups = [];
    let head = digits.slice(0, -3);
    while (head.length > size) {
      groups.unshift(head.slice(-size));
      head = head.slice(0, -size);
    }
    if (head) groups.unshift(head);
    return `${groups.join(',')},${tail}`;
  }

  /**
   * Write a plain number with grouping and a fixed count of decimals.
   *
   * @param {number|null|undefined} value
   * @param {number} [decimals]
   * @param {"indian"|"thousands"|"none"} [grouping]
   * @returns {string}  "" for a number that is not known.
   */
  function formatNumber(value, decimals = 0, grouping = 'indian') {
    if (value === null || value === undefined || !Number.isFinite(value)) return '';
    const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
    const text = groupDigits(whole, grouping) + (fraction ? `.${fraction}` : '');
    return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
  }

  /**
   * Write a price given in price units; the one price format of axis, tags and card.
   *
   * @param {number|null|undefined} units
   * @param {Scale} scale
   * @returns {string}
   */
  function formatPrice(units, scale) {
    if (units === null || units === undefined) return '';
    return formatNumber(units / scale.price, scale.decimals, scale.grouping);
  }

  /**
   * Shorten to at most three significant digits with a unit: 12.3k, 1.25M, never "1.0M".
   *
   * @param {number} size   Not negative.
   * @param {number} digits Significant digits, 1 to 3.
   * @returns {string}
   */
  function abbreviate(size, digits) {
    let value = size;
    let unit = 0;
    while (unit < UNITS.length - 1 && Number(value.toPrecision(digits)) >= 1000) {
      value /= 1000;
      unit += 1;
    }
    return String(Number(value.toPrecision(digits))) + UNITS[unit];
  }

  /**
   * Write a size for a cell: whole below 10,000, then 12.3k or 1.25M; zero is a dot.
   *
   * A size that does not fit `room` characters loses significant digits, never its magnitude.
   *
   * @param {number|null|undefined} size  Null: the source cannot know.
   * @param {number} [room]               Characters that fit.
   * @returns {string}
   */
  function formatSize(size, room = 5) {
    if (size === null || size === undefined) return '';
    if (size === 0) return ZERO;
    const sign = size < 0 ? MINUS : '';
    const value = Math.abs(size);
    if (Number.isInteger(value) && value < 10000 && String(value).length <= room) return sign + value;
    let text = '';
    for (let digits = 3; digits >= 1; digits -= 1) {
      text = abbreviate(value, digits);
      if (text.length <= room) break;
    }
    return sign + text;
  }

  /**
   * Write a sum that has a sign: +125, −24, 0.
   *
   * @param {number|null|undefined} value
   * @param {number} [room]  Characters that fit besides the sign; more digits are abbreviated.
   * @param {"indian"|"thousands"|"none"} [grouping]
   * @returns {string}
   */
  function formatSigned(value, room = 9, grouping = 'indian') {
    if (value === null || value === undefined) return '';
    if (value === 0) return '0';
    return (value < 0 ? MINUS : '+') + formatCount(Math.abs(value), room, grouping);
  }

  /**
   * Write a count in full with grouping, or abbreviated where it does not fit.
   *
   * @param {number|null|undefined} value
   * @param {number} [room]
   * @param {"indian"|"thousands"|"none"} [grouping]
   * @returns {string}
   */
  function formatCount(value, room = 9, grouping = 'indian') {
    if (value === null || value === undefined) return '';
    if (value === 0) return '0';
    const decimals = Number.isInteger(value) ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    const full = formatNumber(value, Math.min(decimals, 6), grouping);
    return full.length <= room ? full : formatSize(value, room);
  }

  /**
   * Write a share in percent with its sign: +39.7 %.
   *
   * @param {number|null|undefined} value
   * @returns {string}
   */
  function formatPercent(value) {
    if (value === null || value === undefined) return '';
    const sign = value > 0 ? '+' : '';
    return `${sign}${formatNumber(value, 1, 'none')} %`;
  }

  /**
   * Write a time to go: mm:ss, h:mm:ss from an hour on; never negative.
   *
   * @param {number} ms
   * @returns {string}
   */
  function formatCountdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const pair = (/** @type {number} */ n) => String(n).padStart(2, '0');
    const hours = Math.floor(seconds / 3600);
    const rest = `${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  Object.assign(of, {
    MINUS, ZERO, groupDigits, formatNumber, formatPrice, formatSize, formatSigned, formatCount,
    formatPercent, formatCountdown,
  });
})(window.orderflow);
