/*
 * The public face: what pages call. One graph has the layer at a time; attaching to another (or
 * to the same one of a page shown anew) leaves the former.
 */

(function (of) {
  'use strict';

  /** @type {any} */
  let layer = null;
  /** @type {any} */
  let beats = null;
  /** @type {any} */
  let keys = null;
  /** @type {Object<string, any>|null} A payload that came before there was a layer. */
  let early = null;
  /** @type {((beats: any) => void)|null} A view that was asked for before there was a layer. */
  let earlyView = null;

  /** @returns {any} Dash's browser side, null in a page without Dash. */
  function dash() {
    const client = /** @type {any} */ (window).dash_clientside;
    return client && client.set_props ? client : null;
  }

  /** @returns {any} What a clientside callback returns that changes nothing. */
  function nothing() {
    const client = /** @type {any} */ (window).dash_clientside;
    return client ? client.no_update : undefined;
  }

  /**
   * Put the layer over a graph; it waits for the graph if need be.
   *
   * @param {string} graphId  Id of the graph (in Dash: of the dcc.Graph).
   * @param {Object<string, any>} [options]  The keys of Python's `layer_options`, and: `theme`;
   *   `follow` (true); `endpoint`; `timeout` (ms); `payload` (painted at once); `deltas`, `tags`, `crosshair`,
   *   `card`, `flashing` (true); `inbarScale` ("bar" | "session"); hooks `onKey(key, mode)`,
   *   `onMessage(sentence)`, `onState(state)`, or instead of the first two the component ids
   *   `modeId`, `messageId`.
   */
  function attach(graphId, options = {}) {
    if (layer && layer.graphId === graphId) {
      layer.configure(options);
      if (!layer.gd || !layer.gd.isConnected) layer.search();
    } else {
      detach();
      layer = new of.Layer(graphId, options);
      beats = new of.Beat(layer);
      keys = new of.Keys(layer);
    }
    const payload = options.payload || early;
    early = null;
    if (payload) layer.apply(payload);
    if (earlyView) earlyView(beats);
    earlyView = null;
    return nothing();
  }

  /** Take the layer away. */
  function detach() {
    for (const part of [keys, beats, layer]) if (part) part.remove();
    layer = null;
    beats = null;
    keys = null;
    return nothing();
  }

  /** @param {Object<string, any>} options  Options to change. */
  function configure(options) {
    if (layer) layer.configure(options || {});
    return nothing();
  }

  /** @param {Object<string, any>} payload  Paint an answer. */
  function apply(payload) {
    if (layer) layer.apply(payload);
    else early = payload;
    return nothing();
  }

  /** @param {Object<string, string>} view @param {(beats: any) => void} act  Do it as soon as there is a layer. */
  function ask(view, act) {
    if (view && beats) act(beats);
    else if (view) earlyView = act;
    return nothing();
  }

  /**
   * Beat from now on by the layer's own clock, instead of being called by an interval of Dash:
   * each tick of a dcc.Interval costs the browser far more than the beat itself.
   *
   * @param {Object<string, string>} view  All view settings as text; call again when they change.
   * @param {number} ms  Between two beats.
   */
  function run(view, ms) {
    return ask(view, (to) => to.run(view, ms));
  }

  /**
   * One beat of a live page.
   *
   * @param {number} _count  Of the interval; not used.
   * @param {Object<string, string>} view  All view settings as text.
   */
  function beat(_count, view) {
    return ask(view, (to) => to.beat(view, true));
  }

  /** @param {Object<string, string>} view  Show stored bars: ask now, and again for bars that are missing. */
  function show(view) {
    return ask(view, (to) => to.beat(view, false));
  }

  /** Follow the newest bar. */
  function goLive() {
    if (layer) layer.follow.goLive(false);
    return nothing();
  }

  /** @returns {Object<string, any>|null} What the layer shows; null when there is none. */
  function state() {
    if (!layer) return null;
    const { requests, failures, window: asked } = beats;
    return { ...layer.state(), beat: { requests, failures, window: asked, inFlight: beats.inFlight !== null, view: { ...beats.view } } };
  }

  /** @returns {Object[]} Every cell in view: position, price, texts, fills, marks, pixel box. */
  function cells() {
    return layer ? layer.cells() : [];
  }

  /** @returns {{boxes: Object[], texts: Object[], lines: Object[], lod: number}|null} All that is painted now. */
  function picture() {
    const axes = layer && of.readAxes(layer.gd);
    if (!axes || !layer.matches()) return null;
    const { sheets, lod } = of.layoutAll(layer.book, axes, layer.layoutOptions());
    const lists = sheets.map((/** @type {any} */ sheet) => sheet.list());
    const join = (/** @type {string} */ name) => lists.flatMap((/** @type {any} */ list) => list[name]);
    return { boxes: join('boxes'), texts: join('texts'), lines: join('lines'), lod };
  }

  /**
   * The chart as a PNG: Plotly's picture without what the layer paints instead, and the layer.
   *
   * @param {number} [scale]  Device pixels per px of the picture.
   * @returns {Promise<string>}  A data URL.
   */
  async function png(scale = 2) {
    const { gd, book, theme, context } = layer;
    const axes = { ...of.readAxes(gd), dpr: scale };
    const shown = layer.matches() && layer.options.ladder !== 'plotly';
    const replaced = new Set(shown ? ['candlestick'] : []);
    const data = gd.data.map((/** @type {any} */ trace) => (replaced.has(trace.type) ? { ...trace, visible: false } : trace));
    const size = { width: axes.width, height: axes.height };
    const url = await window.Plotly.toImage({ data, layout: { ...gd.layout, ...size } }, { format: 'png', scale, ...size });
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(size.width * scale);
    canvas.height = Math.round(size.height * scale);
    const target = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const image = new Image();
    image.src = url;
    await image.decode();
    target.fillStyle = theme.background;
    target.fillRect(0, 0, canvas.width, canvas.height);
    target.drawImage(image, 0, 0, canvas.width, canvas.height);
    target.setTransform(scale, 0, 0, scale, 0, 0);
    if (shown && context) for (const sheet of of.layoutAll(book, axes, layer.layoutOptions()).sheets) of.paint(target, sheet);
    return canvas.toDataURL('image/png');
  }

  const api = { attach, detach, configure, apply, beat, run, show, goLive };
  Object.assign(of, api, { state, cells, picture, png, dash });
  const page = /** @type {any} */ (window);
  page.dash_clientside = page.dash_clientside || {};
  page.dash_clientside.orderflow = api;
})(window.orderflow);
