/*
 * The panes below the price: CVD candles, delta and volume bars, one sheet for all of them.
 *
 * Plotly owns their axes and grid; the layer paints their bars, because the live one moves with
 * every answer and Plotly redraws only when a bar closes.
 */

(function (of) {
  'use strict';

  const { LAYER } = of;
  const NAMES = { cvd: 'CVD', delta: 'Δ', volume: 'Volume' };

  /**
   * Lay out the panes below the price pane.
   *
   * @param {any} book @param {Axes} axes @param {Options} options
   * @param {[number, number]} [only]  Positions to lay out; all in view when absent.
   * @returns {any}  A sheet.
   */
  function layoutPanes(book, axes, options, only) {
    const theme = of.themeOf(options.theme);
    const top = axes.panes.length ? axes.panes[0].top : axes.price.bottom;
    const bottom = axes.panes.length ? axes.panes[axes.panes.length - 1].bottom : axes.price.bottom;
    const sheet = new of.Sheet('panes', { x: axes.left, y: top, w: axes.bars - axes.left, h: bottom - top });
    const [from, to] = only || axes.x.range;
    const bars = book.between(from - 1, to + 1);
    const barPx = of.barSpacing(axes);
    const session = { colour: theme.line, width: 1 };
    for (const pane of axes.panes) {
      for (const bar of bars) {
        const cx = of.toPx(axes.x, bar.x);
        if (bar.date && bar.x > 0) {
          const x = Math.floor(cx - barPx / 2) + 0.5;
          sheet.line(LAYER.ZONE, session, [x, pane.top, x, pane.bottom]);
        }
        if (pane.kind === 'cvd') sumCandle(sheet, axes, pane, bar, cx, barPx, theme);
        else sumBar(sheet, axes, pane, bar, cx, barPx, theme);
      }
    }
    return sheet;
  }

  /** @param {Pane} pane @param {Axes} axes @returns {(v: number) => number} px of a sum, kept inside the pane. */
  function placer(pane, axes) {
    return (v) => Math.min(Math.max(of.snap(of.toPx(pane.y, v), axes.dpr), pane.top), pane.bottom);
  }

  /** @param {any} sheet @param {Axes} axes @param {Pane} pane @param {Bar} bar @param {number} cx @param {number} barPx @param {Theme} theme */
  function sumCandle(sheet, axes, pane, bar, cx, barPx, theme) {
    if (bar.cvd === null || bar.cvd === undefined || bar.cvo === null) return;
    const px = 1 / axes.dpr;
    const y = placer(pane, axes);
    const low = bar.cvl ?? Math.min(bar.cvo, bar.cvd); // a source may not know the extremes
    const high = bar.cvh ?? Math.max(bar.cvo, bar.cvd);
    if (y(low) <= pane.top || y(high) >= pane.bottom) return;
    const colour = bar.cvd >= bar.cvo ? theme.buy : theme.sell;
    const width = of.snap(Math.max(px, Math.min(24, barPx * 0.5)), axes.dpr);
    const middle = of.snap(cx - 0.5, axes.dpr);
    const top = y(Math.max(bar.cvo, bar.cvd));
    sheet.fill(LAYER.BODY, colour, middle, y(high), 1, Math.max(px, y(low) - y(high)));
    sheet.fill(LAYER.BODY, colour, of.snap(middle + 0.5 - width / 2, axes.dpr), top, width, Math.max(px, y(Math.min(bar.cvo, bar.cvd)) - top));
  }

  /** @param {any} sheet @param {Axes} axes @param {Pane} pane @param {Bar} bar @param {number} cx @param {number} barPx @param {Theme} theme */
  function sumBar(sheet, axes, pane, bar, cx, barPx, theme) {
    const value = pane.kind === 'delta' ? bar.delta : bar.vol;
    if (!value) return;
    const y = placer(pane, axes);
    const colour = pane.kind === 'volume' ? theme.neutral : value > 0 ? theme.buy : theme.sell;
    const width = of.snap(Math.max(1 / axes.dpr, barPx * 0.5), axes.dpr);
    const top = Math.min(y(0), y(value));
    sheet.fill(LAYER.BODY, colour, of.snap(cx - width / 2, axes.dpr), top, width, Math.max(1 / axes.dpr, Math.abs(y(value) - y(0))));
  }

  Object.assign(of, { layoutPanes, PANE_NAMES: NAMES });
})(window.orderflow);
