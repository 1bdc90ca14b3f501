/*
 * The price pane as a sheet: which parts a bar gets is decided by the level of detail.
 */

(function (of) {
  'use strict';

  /**
   * Lay out the price pane.
   *
   * @param {any} book     A Book that holds bars.
   * @param {Axes} axes
   * @param {Options} options
   * @param {[number, number]} [only]  Positions to lay out; all in view when absent.
   * @returns {{sheet: any, lod: number, rowPx: number, barPx: number, count: number, cells: Object[]|null}}
   */
  function layoutPane(book, axes, options, only) {
    const scene = new of.Scene(book, axes, options);
    const [from, to] = only || axes.x.range;
    const bars = book.between(from - 1, to + 1);
    of.layoutSessions(scene, bars);
    if (options.ladder === 'plotly') return result(scene);
    of.layoutZones(scene);
    for (const bar of bars) {
      const cx = scene.x(bar.x);
      if (cx + scene.barPx / 2 < axes.left || cx - scene.barPx / 2 > axes.bars) continue;
      of.layoutCandle(scene, bar, cx);
      if (scene.lod <= 2) of.layoutCells(scene, bar, cx);
      else if (scene.lod === 3) of.layoutMini(scene, bar, cx);
      of.layoutTags(scene, bar, cx);
    }
    of.layoutVwap(scene, bars);
    return result(scene);
  }

  /** @param {Scene} scene @returns {{sheet: any, lod: number, rowPx: number, barPx: number, count: number, cells: Object[]|null}} */
  function result(scene) {
    const { sheet, lod, rowPx, barPx, count, cells } = scene;
    return { sheet, lod, rowPx, barPx, count, cells };
  }

  Object.assign(of, { layoutPane });
})(window.orderflow);
