/*
 * Painting: a sheet onto a canvas. Knows nothing of bars, prices or axes.
 */

(function (of) {
  'use strict';

  /**
   * Paint a sheet inside its clip, over what is there.
   *
   * @param {CanvasRenderingContext2D} ctx  Scaled so that its unit is a CSS px.
   * @param {any} sheet
   */
  function paint(ctx, sheet) {
    const { x, y, w, h } = sheet.clip;
    if (w <= 0 || h <= 0) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(x, y, w, h);
    ctx.clip();
    // Digits of equal width need no kerning; without it 1,200 numbers cost a third less.
    ctx.fontKerning = 'none';
    ctx.textRendering = 'optimizeSpeed';
    for (let z = 0; z < of.LAYERS; z += 1) {
      paintFills(ctx, sheet.fills[z]);
      paintFrames(ctx, sheet.frames[z]);
      paintLines(ctx, sheet.lines[z]);
      paintTexts(ctx, sheet.texts[z]);
    }
    ctx.restore();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Map<string, number[]>} fills */
  function paintFills(ctx, fills) {
    for (const [colour, flat] of fills) {
      ctx.fillStyle = colour;
      for (let i = 0; i < flat.length; i += 4) ctx.fillRect(flat[i], flat[i + 1], flat[i + 2], flat[i + 3]);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Map<any, number[][]>} frames */
  function paintFrames(ctx, frames) {
    for (const [style, rects] of frames) {
      ctx.lineWidth = style.width;
      ctx.strokeStyle = style.colour;
      ctx.setLineDash(style.dash || []);
      ctx.beginPath();
      for (const [x, y, w, h, radius] of rects) {
        if (radius) ctx.roundRect(x, y, w, h, radius);
        else ctx.rect(x, y, w, h);
      }
      if (style.fill) {
        ctx.fillStyle = style.fill;
        ctx.fill();
      }
      if (style.width) ctx.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Map<any, number[][]>} lines */
  function paintLines(ctx, lines) {
    for (const [style, all] of lines) {
      ctx.lineWidth = style.width;
      ctx.strokeStyle = style.colour;
      ctx.lineJoin = 'round';
      ctx.setLineDash(style.dash || []);
      ctx.beginPath();
      for (const points of all) {
        ctx.moveTo(points[0], points[1]);
        for (let i = 2; i < points.length; i += 2) ctx.lineTo(points[i], points[i + 1]);
      }
      ctx.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Map<any, any[]>} texts */
  function paintTexts(ctx, texts) {
    for (const [style, flat] of texts) {
      ctx.font = style.font;
      ctx.fillStyle = style.colour;
      ctx.textAlign = style.align;
      ctx.globalAlpha = style.opacity;
      for (let i = 0; i < flat.length; i += 3) ctx.fillText(flat[i + 2], flat[i], flat[i + 1]);
    }
    ctx.globalAlpha = 1;
  }

  Object.assign(of, { paint });
})(window.orderflow);
