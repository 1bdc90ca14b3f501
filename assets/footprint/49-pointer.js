/*
 * The pointer over the chart: what crosshair and card say, and where.
 */

(function (of) {
  'use strict';

  /**
   * Show crosshair and card where the pointer is, or take them away.
   *
   * @param {any} layer @param {Axes} axes
   */
  function hover(layer, axes) {
    const { book, pointer, overlay, options } = layer;
    const { head } = book;
    const outside = !pointer || pointer.x < axes.left || pointer.x > axes.right || pointer.y < axes.price.top;
    if (outside || !head || !layer.matches()) {
      overlay.hideHover();
      return;
    }
    const x = Math.round(of.fromPx(axes.x, pointer.x));
    const bar = book.bars.get(x);
    const at = readPointer(layer, axes, x, bar);
    if (options.crosshair !== false) overlay.showCross(axes, at);
    if (!bar || layer.dragging || options.card === false || pointer.y > axes.strip || pointer.x > axes.bars) {
      overlay.card.style.display = 'none';
      return;
    }
    const cx = of.toPx(axes.x, x);
    const half = of.barSpacing(axes) / 2;
    const key = `${head.version} ${head.view} ${x} ${at.units === null ? '' : of.levelAt(bar, at.units, head.scale)}`;
    const contents = () => ({ ...of.cardOf(head, bar, at.units), date: book.dateOf(x) });
    overlay.showCard(axes, key, contents, { left: cx - half, right: cx + half, y: pointer.y });
  }

  /** @param {any} layer @param {Axes} axes @param {number} x @param {Bar|undefined} bar @returns {any} What the crosshair says: the bar's time, the price or sum at the pointer. */
  function readPointer(layer, axes, x, bar) {
    const { book, pointer, theme } = layer;
    const { scale } = book.head;
    const rows = of.rowsShown(book, axes, layer.options, theme).length;
    const at = {
      x: bar ? of.toPx(axes.x, x) : pointer.x, y: null, price: '', units: null,
      time: bar ? `${book.dateOf(x)} ${bar.label}`.trim() : '', timeTop: of.timeBaseline(axes, theme, rows) - 13,
    };
    if (pointer.y <= axes.price.bottom) {
      const units = of.fromPx(axes.price.y, pointer.y) * scale.price;
      const price = Math.round(units / scale.tick) * scale.tick;
      return { ...at, y: pointer.y, price: of.formatPrice(price, scale), units };
    }
    const pane = axes.panes.find((/** @type {Pane} */ p) => pointer.y >= p.top && pointer.y <= p.bottom);
    if (!pane) return at;
    const value = Math.round(of.fromPx(pane.y, pointer.y));
    return { ...at, y: pointer.y, price: pane.kind === 'volume' ? of.formatCount(value) : of.formatSigned(value) };
  }

  Object.assign(of, { hover });
})(window.orderflow);
