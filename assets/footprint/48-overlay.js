/*
 * What lies over and under the canvas as plain elements: the last price's line, crosshair, hover
 * card, Go-live pill, the veil of a stale feed. Moving them repaints no canvas.
 */

(function (of) {
  'use strict';

  /** @param {string} tag @param {Object<string, any>} style @param {Element} parent @returns {any} */
  function make(tag, style, parent) {
    const element = document.createElement(tag);
    Object.assign(element.style, style);
    parent.appendChild(element);
    return element;
  }

  const FLOAT = { position: 'absolute', left: '0', top: '0', pointerEvents: 'none' };

  /** The elements around the canvas of one graph. */
  class Overlay {
    /**
     * @param {HTMLElement} gd    The graph's div.
     * @param {() => void} goLive  The pill was pressed.
     */
    constructor(gd, goLive) {
      this.gd = gd;
      this.root = make('div', { ...FLOAT, width: '100%', height: '100%', overflow: 'hidden' }, gd);
      this.root.className = 'orderflow-layer';
      this.last = make('div', { ...FLOAT, height: '0', display: 'none' }, this.root);
      this.canvas = make('canvas', { ...FLOAT, display: 'block' }, this.root);
      this.canvas.setAttribute('role', 'img');
      this.veil = make('div', { ...FLOAT, display: 'none', textAlign: 'center' }, this.root);
      this.veil.setAttribute('role', 'status');
      this.across = make('div', { ...FLOAT, height: '0', display: 'none' }, this.root);
      this.down = make('div', { ...FLOAT, width: '0', display: 'none' }, this.root);
      this.priceTag = make('div', { ...FLOAT, display: 'none' }, this.root);
      this.timeTag = make('div', { ...FLOAT, display: 'none' }, this.root);
      this.card = make('div', { ...FLOAT, display: 'none' }, this.root);
      this.card.className = 'orderflow-card';
      this.pill = make('button', { ...FLOAT, display: 'none', pointerEvents: 'auto', cursor: 'pointer' }, this.root);
      this.pill.type = 'button';
      this.pill.className = 'orderflow-live';
      this.pill.textContent = 'Go live →';
      this.pill.title = 'Follow the newest bar (End or L)';
      this.pill.addEventListener('click', goLive);
      this.cardKey = '';
      this.lastKey = '';
      this.pillKey = '';
      this.veilKey = '';
    }

    /** @param {Theme} theme  Colour everything. */
    dress(theme) {
      const tag = {
        background: theme.raised, color: theme.text, border: `1px solid ${theme.faint}`, borderRadius: '3px',
        font: `600 10.5px/16px ${theme.font_mono}`, padding: '0 5px', whiteSpace: 'pre', boxSizing: 'border-box',
      };
      Object.assign(this.priceTag.style, tag);
      Object.assign(this.timeTag.style, tag);
      const hair = `1px dashed ${of.alpha(theme.secondary, 0.55)}`;
      this.across.style.borderTop = hair;
      this.down.style.borderLeft = hair;
      this.last.style.borderTop = `1px dotted ${of.alpha(theme.text, 0.6)}`;
      Object.assign(this.card.style, {
        background: of.alpha(theme.panel, 0.97), color: theme.text, border: `1px solid ${theme.line}`, borderRadius: '6px',
        font: `400 11px/17px ${theme.font_mono}`, padding: '8px 12px', boxSizing: 'border-box', width: '292px',
      });
      Object.assign(this.pill.style, {
        background: theme.raised, color: theme.text, border: `1px solid ${theme.faint}`, borderRadius: '14px',
        font: `600 12px/26px ${theme.font_sans}`, padding: '0 14px',
      });
      Object.assign(this.veil.style, { color: theme.warning, font: `600 13px/24px ${theme.font_sans}` });
      this.theme = theme;
      this.veilKey = '';
    }

    /**
     * Make the canvas as large as the graph.
     *
     * @param {number} width @param {number} height @param {number} dpr
     * @returns {boolean}  The canvas was emptied by it.
     */
    resize(width, height, dpr) {
      const [w, h] = [Math.round(width * dpr), Math.round(height * dpr)];
      if (this.canvas.width === w && this.canvas.height === h) return false;
      this.canvas.width = w;
      this.canvas.height = h;
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
      return true;
    }

    /** @param {Axes} axes @param {number|null} y  px of the last price, null for none. */
    showLast(axes, y) {
      const seen = y !== null && y >= axes.price.top && y <= axes.price.bottom;
      const key = seen ? `${axes.left} ${axes.right} ${Math.round(/** @type {number} */ (y))}` : '';
      if (key === this.lastKey) return;
      this.lastKey = key;
      this.last.style.display = seen ? 'block' : 'none';
      if (seen) {
        this.last.style.width = `${axes.right - axes.left}px`;
        this.last.style.transform = `translate(${axes.left}px, ${Math.round(/** @type {number} */ (y))}px)`;
      }
    }

    /** @param {Axes} axes @param {boolean} shown */
    showPill(axes, shown) {
      const key = shown ? `${axes.width} ${axes.height} ${axes.bars} ${axes.price.bottom}` : '';
      if (key === this.pillKey) return;
      this.pillKey = key;
      this.pill.style.display = shown ? 'block' : 'none';
      if (!shown) return;
      this.pill.style.left = 'auto';
      this.pill.style.top = 'auto';
      this.pill.style.right = `${axes.width - axes.bars + 12}px`;
      this.pill.style.bottom = `${axes.height - axes.price.bottom + 12}px`;
    }

    /** @param {Axes} axes @param {string} text  What is wrong with the feed; "" when all is well. */
    showVeil(axes, text) {
      const key = text ? `${axes.width} ${axes.height} ${text}` : '';
      if (key === this.veilKey) return;
      this.veilKey = key;
      this.veil.style.display = text ? 'block' : 'none';
      if (!text) return;
      Object.assign(this.veil.style, {
        width: `${axes.width}px`, height: `${axes.height}px`, background: of.alpha(this.theme.background, 0.55),
        paddingTop: `${axes.price.top + 8}px`, boxSizing: 'border-box',
      });
      if (this.veil.textContent !== text) this.veil.textContent = text;
    }

    /** Take crosshair and card away. */
    hideHover() {
      for (const element of [this.across, this.down, this.priceTag, this.timeTag, this.card]) element.style.display = 'none';
      this.cardKey = '';
    }

    /**
     * Show the crosshair.
     *
     * @param {Axes} axes
     * @param {{x: number|null, y: number|null, price: string, time: string, timeTop: number}} at
     */
    showCross(axes, at) {
      const bottom = at.timeTop;
      this.across.style.display = at.y === null ? 'none' : 'block';
      this.priceTag.style.display = at.y === null ? 'none' : 'block';
      if (at.y !== null) {
        this.across.style.width = `${axes.right - axes.left}px`;
        this.across.style.transform = `translate(${axes.left}px, ${Math.round(at.y)}px)`;
        if (this.priceTag.textContent !== at.price) this.priceTag.textContent = at.price;
        this.priceTag.style.left = 'auto';
        this.priceTag.style.right = '3px';
        this.priceTag.style.transform = `translateY(${Math.round(at.y) - 9}px)`;
      }
      this.down.style.display = at.x === null ? 'none' : 'block';
      this.timeTag.style.display = at.x === null || !at.time ? 'none' : 'block';
      if (at.x !== null) {
        this.down.style.height = `${axes.strip - axes.price.top}px`; // the table's numbers stay clear
        this.down.style.transform = `translate(${Math.round(at.x)}px, ${axes.price.top}px)`;
        if (this.timeTag.textContent !== at.time) this.timeTag.textContent = at.time;
        this.timeTag.style.transform = `translate(${Math.round(at.x)}px, ${bottom}px) translateX(-50%)`;
      }
    }

    /**
     * Show the hover card.
     *
     * @param {Axes} axes
     * @param {string} key  Changes when the contents do.
     * @param {() => any} contents  Makes them (`cardOf`).
     * @param {{left: number, right: number, y: number}} at
     */
    showCard(axes, key, contents, at) {
      if (key !== this.cardKey) {
        this.cardKey = key;
        fillCard(this.card, contents(), this.theme);
      }
      this.card.style.display = 'block';
      const size = { width: this.card.offsetWidth, height: this.card.offsetHeight };
      const bounds = { left: 4, right: axes.width - 4, top: 0, bottom: axes.height };
      const { x, y } = of.placeCard(at, size, bounds);
      this.card.style.transform = `translate(${x}px, ${y}px)`;
    }

    /** Take everything out of the graph. */
    remove() {
      this.root.remove();
    }
  }

  /** @param {HTMLElement} card @param {any} contents @param {any} theme */
  function fillCard(card, contents, theme) {
    const colours = { up: theme.buy_text, down: theme.sell_text, poc: theme.poc };
    card.textContent = '';
    const heading = (/** @type {string} */ left, /** @type {string} */ right) => {
      const line = make('div', { display: 'flex', justifyContent: 'space-between', gap: '16px', fontWeight: '600', marginBottom: '2px' }, card);
      make('span', {}, line).textContent = left;
      make('span', { color: theme.secondary, fontWeight: '400' }, line).textContent = right;
    };
    const grid = (/** @type {string[][]} */ rows) => {
      const table = make('div', { display: 'grid', gridTemplateColumns: 'auto 1fr auto 1fr', columnGap: '10px' }, card);
      for (const [name, value, role] of rows) {
        const colour = role ? /** @type {any} */ (colours)[role] : theme.text;
        const wide = value === '' ? { gridColumn: '1 / 5', color: colour, fontWeight: '600' } : { color: theme.secondary };
        make('span', wide, table).textContent = name;
        if (value !== '') make('span', { textAlign: 'right', color: colour }, table).textContent = value;
      }
    };
    heading(contents.title, contents.date);
    grid(contents.bar);
    if (!contents.cell.length) return;
    make('div', { borderTop: `1px solid ${theme.line}`, margin: '6px 0 5px' }, card);
    heading(contents.cellTitle, '');
    grid(contents.cell);
  }

  Object.assign(of, { Overlay });
})(window.orderflow);
