/*
 * The strip below the panes: the statistics table under its bars, and the time labels.
 *
 * Its height is the figure's bottom margin; rows that do not fit are left out from the end.
 */

(function (of) {
  'use strict';

  const { LAYER } = of;
  const PAD = 5; // between the plot and the first row
  const SIGNED = new Set(['delta', 'pct', 'max', 'min', 'cvd']);
  const MINUTE_STEPS = [1, 2, 3, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720];
  const LEAST_ROOM = 6; // characters; narrower cells show their heat only
  const COUNT_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

  /**
   * One statistics cell as text.
   *
   * @param {Bar} bar @param {string} row  The payload's name of the row. @param {Scale} scale
   * @param {number} room  Characters that fit.
   * @returns {string}
   */
  function statisticText(bar, row, scale, room) {
    if (row === 'pct') return percentText(bar.pct, room);
    if (row === 'poc') return of.formatPrice(bar.poc, scale);
    if (row === 'n') return of.formatCount(bar.trades, room, scale.grouping);
    const value = /** @type {any} */ (bar)[row];
    return SIGNED.has(row) ? of.formatSigned(value, room - 1, scale.grouping) : of.formatCount(value, room, scale.grouping);
  }

  /** @param {number|null} value @param {number} room @returns {string} */
  function percentText(value, room) {
    const text = of.formatPercent(value);
    if (text.length <= room || value === null) return text;
    const close = text.replace(' ', '');
    return close.length <= room ? close : `${of.formatSigned(Math.round(value), 4)}%`;
  }

  /** @param {Bar} bar @param {string} row @param {Theme} theme @returns {string} Fill of a statistics cell. */
  function statisticFill(bar, row, theme) {
    const step = bar.shade[row];
    if (step === undefined || step === null || step < 0) return theme.blank;
    const value = /** @type {any} */ (bar)[row];
    const ramp = !SIGNED.has(row) ? theme.heat_neutral : value > 0 ? theme.heat_buy : value < 0 ? theme.heat_sell : null;
    if (!ramp) return theme.blank;
    return ramp[SIGNED.has(row) ? Math.min(step, theme.imbalance_cap) : Math.min(step, ramp.length - 1)];
  }

  /** @param {Bar} bar @param {string} row @param {Theme} theme @returns {string} */
  function statisticColour(bar, row, theme) {
    if (row === 'poc' || !SIGNED.has(row)) return theme.text;
    const value = /** @type {any} */ (bar)[row];
    return value > 0 ? theme.buy_text : value < 0 ? theme.sell_text : theme.secondary;
  }

  /**
   * Choose which bars carry a time label, so that none overlap and panning does not change them.
   *
   * Round times are preferred (every 5, 15, 30, 60 minutes …); bars that are not time count. A
   * session's first bar always has one, with its date, and pushes those before it away.
   *
   * @param {Bar[]} bars     Ascending.
   * @param {(x: number) => number} xOf  px of a position.
   * @param {(text: string, strong: boolean) => number} widthOf  px of a text.
   * @param {boolean} timed  Bars are of equal time, so their labels are round times.
   * @param {number} barPx
   * @returns {{x: number, text: string, strong: boolean}[]}  px of the middle, ascending.
   */
  function timeLabels(bars, xOf, widthOf, timed, barPx) {
    const labelled = bars.filter((bar) => bar.label || bar.date);
    const step = labelStep(labelled, widthOf('00:00', false) + 18, timed, barPx);
    const firsts = labelled.filter((bar) => bar.date).map((bar) => {
      const long = `${bar.date} ${bar.label}`;
      const text = widthOf(long, true) + 12 <= barPx ? long : bar.date;
      return { x: xOf(bar.x), text, strong: true };
    });
    const rest = labelled.filter((bar) => !bar.date && step(bar)).map((bar) => ({ x: xOf(bar.x), text: bar.label, strong: false }));
    /** @type {{x: number, text: string, strong: boolean}[]} */
    const placed = [];
    for (const label of firsts.concat(rest)) {
      const width = widthOf(label.text, label.strong);
      const free = placed.every((p) => Math.abs(p.x - label.x) >= (width + widthOf(p.text, p.strong)) / 2 + 8);
      if (free) placed.push(label);
    }
    return placed.sort((a, b) => a.x - b.x);
  }

  /** @param {Bar[]} bars @param {number} need  px a label needs. @param {boolean} timed @param {number} barPx @returns {(bar: Bar) => boolean} */
  function labelStep(bars, need, timed, barPx) {
    const every = Math.max(1, need / barPx);
    const minutes = bars.map((bar) => minutesOf(bar.label));
    const gaps = minutes.slice(1).map((m, i) => m - minutes[i]).filter((gap) => gap > 0);
    const unit = gaps.length ? Math.min(...gaps) : NaN;
    if (!timed || !(unit >= 1)) {
      const count = COUNT_STEPS.find((n) => n >= every) || COUNT_STEPS[COUNT_STEPS.length - 1];
      return (bar) => bar.x % count === 0;
    }
    if (every <= 1) return () => true;
    const wanted = MINUTE_STEPS.find((m) => m >= every * unit) || 720;
    return (bar) => minutesOf(bar.label) % wanted === 0;
  }

  /** @param {string} label @returns {number} Minutes since midnight, NaN when it is no time. */
  function minutesOf(label) {
    const match = /^(\d\d?):(\d\d)/.exec(label || '');
    return match ? Number(match[1]) * 60 + Number(match[2]) : NaN;
  }

  /** @param {any} book @param {Axes} axes @param {Options} options @param {Theme} theme @returns {string[]} The rows that fit. */
  function rowsShown(book, axes, options, theme) {
    if (options.table === false) return [];
    const space = axes.height - axes.strip - theme.time_row_px - PAD;
    return (book.head.rows || []).slice(0, Math.max(0, Math.floor(space / theme.table_row_px)));
  }

  /**
   * Lay out the table and the time labels of the bars in view.
   *
   * @param {any} book @param {Axes} axes @param {Options} options
   * @param {[number, number]} [only]  Positions whose cells are to be laid out; time labels are
   *   always laid out as a whole, because each depends on its neighbours.
   * @returns {any}  A sheet.
   */
  function layoutStrip(book, axes, options, only) {
    const theme = of.themeOf(options.theme);
    const clip = { x: axes.left, y: axes.strip + 2, w: axes.bars - axes.left, h: axes.height - axes.strip - 2 };
    const sheet = new of.Sheet('strip', clip);
    const rows = rowsShown(book, axes, options, theme);
    const barPx = of.barSpacing(axes);
    const slot = of.divideSlot(barPx, barPx >= 24 ? 1 : 4, options, theme);
    const glyph = options.glyph || { width: 0.602, height: 0.73 };
    const room = Math.floor((slot.width - 6) / (theme.number_px * glyph.width));
    const styles = new Map();
    const [from, to] = only || axes.x.range;
    for (const bar of book.between(from - 1, to + 1)) {
      const cx = of.toPx(axes.x, bar.x);
      const left = of.snap(cx + slot.left, axes.dpr);
      const width = Math.max(1 / axes.dpr, of.snap(cx + slot.left + slot.width, axes.dpr) - left);
      rows.forEach((row, i) => {
        const top = axes.strip + PAD + i * theme.table_row_px;
        sheet.fill(LAYER.FILL, statisticFill(bar, row, theme), left, top, width, theme.table_row_px - 2);
        // A number is shown whole or not at all: "44" for a clipped "−44" would mislead.
        if (room < LEAST_ROOM || left < axes.left || left + width > axes.bars) return;
        const text = statisticText(bar, row, book.head.scale, room);
        if (!text || text.length > room) return;
        const y = Math.round(top + (theme.table_row_px - 2) / 2 + (theme.number_px * glyph.height) / 2);
        sheet.text(LAYER.NUMBER, styleOf(styles, statisticColour(bar, row, theme), theme, 'center'), left + width / 2, y, text);
      });
    }
    layoutTimes(sheet, book, axes, options, theme, rows.length, styles);
    return sheet;
  }

  /** @param {Map<string, TextStyle>} styles @param {string} colour @param {Theme} theme @param {"left"|"right"|"center"} align @param {number} [weight] @returns {TextStyle} */
  function styleOf(styles, colour, theme, align, weight = 400) {
    const key = `${colour} ${align} ${weight}`;
    let style = styles.get(key);
    if (!style) {
      style = { font: `${weight} ${theme.number_px}px ${theme.font_mono}`, size: theme.number_px, colour, align, opacity: 1 };
      styles.set(key, style);
    }
    return style;
  }

  /** @param {Axes} axes @param {Theme} theme @param {number} rows @returns {number} Baseline of the time labels. */
  function timeBaseline(axes, theme, rows) {
    return Math.round(axes.strip + PAD + rows * theme.table_row_px + theme.time_row_px / 2 + 4);
  }

  /** @param {any} sheet @param {any} book @param {Axes} axes @param {Options} options @param {Theme} theme @param {number} rows @param {Map<string, TextStyle>} styles */
  function layoutTimes(sheet, book, axes, options, theme, rows, styles) {
    const glyph = options.glyph || { width: 0.602, height: 0.73 };
    const barPx = of.barSpacing(axes);
    const y = timeBaseline(axes, theme, rows);
    const bars = book.between(axes.x.range[0] - 1, axes.x.range[1] + 1);
    const xOf = (/** @type {number} */ x) => of.toPx(axes.x, x);
    const widthOf = (/** @type {string} */ text) => text.length * theme.number_px * glyph.width;
    const timed = /^\d+[smhd]$/.test(book.head.bar || '');
    for (const label of timeLabels(bars, xOf, widthOf, timed, barPx)) {
      const half = widthOf(label.text) / 2;
      if (label.x + half > axes.bars || label.x - half < axes.left) continue;
      const style = styleOf(styles, label.strong ? theme.text : theme.secondary, theme, 'center', label.strong ? 700 : 400);
      sheet.text(LAYER.NUMBER, style, Math.round(label.x), y, label.text);
    }
  }

  Object.assign(of, { timeLabels, statisticText, layoutStrip, rowsShown, timeBaseline, STRIP_PAD: PAD });
})(window.orderflow);
