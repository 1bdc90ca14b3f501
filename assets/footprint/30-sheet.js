/*
 * The sheet: what is to be painted in one clip, as flat lists grouped by layer and style.
 *
 * Layouts write sheets, the painter reads them; nothing else passes between the two. Grouping by
 * style is what makes 1,200 numbers cheap: a canvas pays for changing a font or a colour.
 */

/**
 * @typedef {Object} TextStyle
 * @property {string} font @property {string} colour @property {number} size
 * @property {"left"|"right"|"center"} align @property {number} opacity
 *
 * @typedef {Object} LineStyle
 * @property {string} colour @property {number} width @property {number[]} [dash]
 *
 * @typedef {Object} Clip  Rectangle in CSS px of the graph's div.
 * @property {number} x @property {number} y @property {number} w @property {number} h
 */

(function (of) {
  'use strict';

  /** Layers of a sheet, painted in this order. */
  const LAYER = { ZONE: 0, FILL: 1, BODY: 2, LINE: 3, NUMBER: 4, EDGE: 5, TAG: 6 };
  const LAYERS = 7;

  /** What is to be painted in one clip. */
  class Sheet {
    /**
     * @param {string} region  Name of the clip: pane, panes, strip or gutter.
     * @param {Clip} clip      Widened to whole pixels: a clip between pixels makes every fill slow.
     */
    constructor(region, clip) {
      this.region = region;
      const [x, y] = [Math.floor(clip.x), Math.floor(clip.y)];
      this.clip = { x, y, w: Math.ceil(clip.x + clip.w) - x, h: Math.ceil(clip.y + clip.h) - y };
      const each = (/** @type {() => any} */ make) => Array.from({ length: LAYERS }, make);
      /** @type {Map<string, number[]>[]} */
      this.fills = each(() => new Map());
      /** @type {Map<LineStyle, number[][]>[]} */
      this.frames = each(() => new Map());
      /** @type {Map<LineStyle, number[][]>[]} */
      this.lines = each(() => new Map());
      /** @type {Map<TextStyle, any[]>[]} */
      this.texts = each(() => new Map());
    }

    /** @param {number} z @param {string} colour @param {number} x @param {number} y @param {number} w @param {number} h */
    fill(z, colour, x, y, w, h) {
      let list = this.fills[z].get(colour);
      if (!list) this.fills[z].set(colour, list = []);
      list.push(x, y, w, h);
    }

    /** @param {number} z @param {LineStyle} style @param {number[]} rect  x, y, width, height of the stroke's middle; a fifth: corner radius. */
    frame(z, style, rect) {
      put(this.frames[z], style, rect);
    }

    /** @param {number} z @param {LineStyle} style @param {number[]} points  x0, y0, x1, y1, … */
    line(z, style, points) {
      put(this.lines[z], style, points);
    }

    /** @param {number} z @param {TextStyle} style @param {number} x @param {number} y  Baseline. @param {string} text */
    text(z, style, x, y, text) {
      let list = this.texts[z].get(style);
      if (!list) this.texts[z].set(style, list = []);
      list.push(x, y, text);
    }

    /**
     * Write the sheet out as objects, for tests and for reading.
     *
     * @returns {{boxes: Object[], texts: Object[], lines: Object[]}}
     */
    list() {
      const boxes = [];
      const texts = [];
      const lines = [];
      const { region } = this;
      for (let z = 0; z < LAYERS; z += 1) {
        for (const [colour, flat] of this.fills[z]) {
          for (let i = 0; i < flat.length; i += 4) {
            boxes.push({ region, z, colour, x: flat[i], y: flat[i + 1], w: flat[i + 2], h: flat[i + 3] });
          }
        }
        for (const [style, rects] of this.frames[z]) {
          for (const [x, y, w, h] of rects) boxes.push({ region, z, frame: true, ...style, x, y, w, h });
        }
        for (const [style, all] of this.lines[z]) {
          for (const points of all) lines.push({ region, z, ...style, points });
        }
        for (const [style, flat] of this.texts[z]) {
          for (let i = 0; i < flat.length; i += 3) {
            texts.push({ region, z, ...style, x: flat[i], y: flat[i + 1], text: flat[i + 2] });
          }
        }
      }
      return { boxes, texts, lines };
    }
  }

  /** @template K, V @param {Map<K, V[]>} map @param {K} key @param {V} value */
  function put(map, key, value) {
    const list = map.get(key);
    if (list) list.push(value);
    else map.set(key, [value]);
  }

  Object.assign(of, { Sheet, LAYER, LAYERS });
})(window.orderflow);
