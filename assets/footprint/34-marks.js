/*
 * What stands around the cells: candles, outline and tags of a bar, zones, VWAP, sessions.
 */

(function (of) {
  'use strict';

  const { LAYER, fillOf } = of;

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  The candle at true prices. */
  function layoutCandle(scene, bar, cx) {
    const { sheet, theme, slot, lod } = scene;
    if (!slot.candleWidth) return;
    const colour = bar.c >= bar.o ? theme.buy : theme.sell;
    const px = 1 / scene.axes.dpr;
    const middle = scene.snap(cx + slot.candle - 0.5);
    const width = Math.max(px, slot.candleWidth);
    const left = scene.snap(middle + 0.5 - width / 2);
    const high = scene.snap(scene.y(bar.h));
    const low = scene.snap(scene.y(bar.l));
    const top = scene.snap(scene.y(Math.max(bar.o, bar.c)));
    const bottom = Math.max(scene.snap(scene.y(Math.min(bar.o, bar.c))), top + px);
    sheet.fill(LAYER.BODY, colour, middle, high, 1, Math.max(px, low - high));
    sheet.fill(LAYER.LINE, lod === 4 ? tint(scene, bar) : colour, left, top, width, bottom - top);
    if (lod === 4 && width >= 4) sheet.frame(LAYER.EDGE, { colour, width: 1 }, [left + 0.5, top + 0.5, width - 1, Math.max(0, bottom - top - 1)]);
    if (lod === 4 && scene.options.poc !== false && bar.poc !== null) {
      const [from, to] = of.rowEdges(bar.poc, scene.scale);
      sheet.fill(LAYER.TAG, theme.poc, middle - 1, scene.y((from + to) / 2) - 1.5, 3, 3);
    }
  }

  /** @param {Scene} scene @param {Bar} bar @returns {string} LOD 4: the side that was stronger, by its heat step. */
  function tint(scene, bar) {
    const step = bar.shade.delta === undefined ? 3 : bar.shade.delta;
    return fillOf(scene.theme, bar.delta > 0 ? 'buy' : 'sell', bar.delta ? Math.max(step, 0) : -1, false);
  }

  /** @param {Scene} scene @param {Bar} bar @returns {[number, number]} Top and bottom of all that stands for the bar's prices, px. */
  function extent(scene, bar) {
    const first = bar.levels && scene.lod <= 3 ? of.rowEdges(bar.p[0], scene.scale)[0] : bar.l;
    const last = bar.levels && scene.lod <= 3 ? of.rowEdges(bar.p[bar.levels - 1], scene.scale)[1] : bar.h;
    return [scene.snap(scene.y(Math.max(last, bar.h))), scene.snap(scene.y(Math.min(first, bar.l)))];
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  Outline of the forming bar, gap stripe, delta below. */
  function layoutTags(scene, bar, cx) {
    const { sheet, slot, lod } = scene;
    const [top, bottom] = extent(scene, bar);
    const forming = bar.x === scene.head.live && lod <= 3;
    const left = scene.snap(cx + slot.left);
    const wide = Math.round(slot.width);
    if (forming) sheet.frame(LAYER.EDGE, scene.lines.forming, [left - 3.5, top - 3.5, wide + 7, bottom - top + 7, 3]);
    if (bar.gap) sheet.fill(LAYER.TAG, scene.theme.warning, left, top - (forming ? 10 : 7), Math.max(2, wide), 3);
    if (lod > 2 || scene.options.deltas === false || bar.delta === null) return;
    const style = bar.delta > 0 ? scene.tags.up : bar.delta < 0 ? scene.tags.down : scene.tags.flat;
    const y = bottom + (forming ? 17 : 14);
    if (y + 3 > scene.axes.price.bottom || bottom < scene.axes.price.top) return;
    const middle = scene.snap(cx + slot.ladder + slot.ladderWidth / 2);
    if (cx + slot.left < scene.axes.left || cx + slot.left + slot.width > scene.axes.bars) return;
    const text = `Δ ${of.formatSigned(bar.delta, 6)}`;
    const width = text.length * style.size * scene.glyph.width + 6;
    sheet.fill(LAYER.EDGE, of.alpha(scene.theme.background, 0.75), middle - width / 2, y - 10, width, 13);
    sheet.text(LAYER.TAG, style, middle, y, text);
  }

  /** @param {Scene} scene  Stacked zones: a tinted area and a line at the edge that price meets first. */
  function layoutZones(scene) {
    const { sheet, theme, axes } = scene;
    if (scene.options.imb === false || scene.options.stacks === false || scene.lod > 4) return;
    for (const zone of scene.head.zones || []) {
      const to = zone.to === null || zone.to === undefined ? axes.bars : scene.x(zone.to);
      const from = scene.x(zone.x) + scene.slot.left + scene.slot.width;
      if (to <= from || to < axes.left || from > axes.bars) continue;
      const buy = zone.side > 0;
      const top = scene.snap(scene.y(of.rowEdges(zone.high, scene.scale)[1]));
      const bottom = scene.snap(scene.y(of.rowEdges(zone.low, scene.scale)[0]));
      const start = scene.snap(from);
      sheet.fill(LAYER.ZONE, of.alpha(buy ? theme.buy : theme.sell, 0.1), start, top, to - start, bottom - top);
      const edge = (buy ? top : bottom) - 0.5;
      sheet.line(LAYER.ZONE, buy ? scene.lines.zoneBuy : scene.lines.zoneSell, [start, edge, to, edge]);
    }
  }

  /**
   * The session VWAP with a halo: over the fills, under the numbers, anew at each session's start.
   *
   * @param {Scene} scene @param {Bar[]} bars  Ascending; one more at each side than is in view.
   */
  function layoutVwap(scene, bars) {
    if (scene.options.vwap === false) return;
    /** @type {number[]} */
    let points = [];
    const close = () => {
      if (points.length > 2) {
        scene.sheet.line(LAYER.LINE, scene.lines.halo, points);
        scene.sheet.line(LAYER.LINE, scene.lines.vwap, points);
      }
      points = [];
    };
    let before = -2;
    for (const bar of bars) {
      if (bar.date || bar.vwap === null || bar.x !== before + 1) close();
      before = bar.x;
      if (bar.vwap === null) continue;
      points.push(scene.x(bar.x), scene.y(bar.vwap));
      if (bar.x === scene.head.live) points.push(scene.x(bar.x + 0.6), scene.y(bar.vwap));
    }
    close();
  }

  /** @param {Scene} scene @param {Bar[]} bars  A line through all panes where a session begins. */
  function layoutSessions(scene, bars) {
    for (const bar of bars) {
      if (!bar.date || bar.x === 0) continue;
      const x = Math.floor(scene.x(bar.x - 0.5)) + 0.5;
      scene.sheet.line(LAYER.ZONE, scene.lines.session, [x, scene.axes.price.top, x, scene.axes.price.bottom]);
    }
  }

  Object.assign(of, { layoutCandle, layoutTags, layoutZones, layoutVwap, layoutSessions });
})(window.orderflow);
