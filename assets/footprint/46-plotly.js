/*
 * What the layer does to Plotly's own elements: all of it here, because none of it is promised.
 *
 * Tried with plotly.js 4.1: subplot groups are classed xy, xy2, …; drag areas nsewdrag, ewdrag,
 * nsdrag. Where an element is missing, Plotly simply behaves as it does without the layer.
 */

(function (of) {
  'use strict';

  /**
   * Hide what the layer paints instead of Plotly, or show it again.
   *
   * @param {any} gd @param {boolean} taken
   */
  function takeOver(gd, taken) {
    const meta = (gd.layout && gd.layout.meta) || {};
    const layers = [['xy', '.boxlayer']];
    for (const [name, kind] of Object.entries(meta.panes || { yaxis2: 'cvd' })) {
      layers.push([`x${name.replace('axis', '')}`, kind === 'cvd' ? '.boxlayer' : '.barlayer']);
    }
    for (const [subplot, part] of layers) {
      const group = gd.querySelector(`.cartesianlayer .${subplot} ${part}`);
      const wanted = taken ? 'hidden' : '';
      if (group && group.style.visibility !== wanted) group.style.visibility = wanted;
    }
  }

  /**
   * Let the wheel over the plot zoom the x axis alone, as over the axis itself.
   *
   * Plotly would zoom prices too, and the ladder's rows would change height with every turn. The
   * event is given to the axis' own drag area instead; with Shift held Plotly zooms both.
   *
   * @param {any} gd @param {WheelEvent} event
   */
  function wheelOnX(gd, event) {
    const target = /** @type {Element} */ (event.target);
    if (event.shiftKey || !event.isTrusted || !target.classList.contains('nsewdrag')) return;
    const strips = [...gd.querySelectorAll('.draglayer .ewdrag')];
    const strip = strips.find((part) => /^xy\d*$/.test(part.parentNode.getAttribute('class')));
    if (!strip) return;
    event.preventDefault();
    event.stopPropagation();
    const { deltaX, deltaY, deltaMode, clientX, clientY } = event;
    strip.dispatchEvent(new WheelEvent('wheel', { deltaX, deltaY, deltaMode, clientX, clientY, bubbles: false, cancelable: true }));
  }

  /**
   * Let the whole gutter drag its price axis: Plotly's own drag areas are 20 px wide.
   *
   * @param {any} gd @param {Axes} axes
   */
  function widenDragAreas(gd, axes) {
    const width = String(axes.width - axes.right);
    for (const area of gd.querySelectorAll('.draglayer .nsdrag, .draglayer .ndrag, .draglayer .sdrag')) {
      const right = Number(area.getAttribute('x')) >= axes.right - 1;
      if (right && area.getAttribute('width') !== width) area.setAttribute('width', width); // a write costs a layout
    }
  }

  /**
   * Take others' listeners off an event of the graph.
   *
   * Since 4.4.1 dcc.Graph writes every range that changes into its own figure, and so draws all of
   * it a second time: a turn of the wheel costs twice. Nothing here reads that figure again
   * (assets/page draws upon what stands). Dash may bind its listener later than the layer, so this
   * is called at each event too.
   *
   * @param {any} gd @param {string} name @param {(event: any) => void} own
   */
  function listenAlone(gd, name, own) {
    const emitter = gd._ev;
    if (!emitter || !emitter.listeners || !gd.removeListener) return;
    for (const other of [...emitter.listeners(name)]) if (other !== own) gd.removeListener(name, other);
  }

  Object.assign(of, { takeOver, wheelOnX, widenDragAreas, listenAlone });
})(window.orderflow);
