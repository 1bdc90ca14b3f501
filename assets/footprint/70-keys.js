/*
 * Keys over the chart: pan, zoom, the ends, Go live, and the page's own (cell modes).
 */

(function (of) {
  'use strict';

  const ZOOM = 1.25;
  const EDITABLE = 'input, select, textarea, [contenteditable=""], [contenteditable="true"], [role="listbox"], [role="slider"], [role="spinbutton"], [role="combobox"]';
  const MODES = { 1: 'bidask', 2: 'delta', 3: 'total', 4: 'profile' };

  /**
   * The x range after a key, or null when the key does not move the view.
   *
   * @param {string} key            As KeyboardEvent names it.
   * @param {[number, number]} range
   * @param {number} total          Bars of the view.
   * @returns {[number, number]|null}
   */
  function rangeAfter(key, range, total) {
    const span = range[1] - range[0];
    const pan = (/** @type {number} */ bars) => /** @type {[number, number]} */ ([range[0] + bars, range[1] + bars]);
    // Zoom holds the right edge of the bars: the newest ones stay in view.
    const zoom = (/** @type {number} */ factor) => /** @type {[number, number]} */ ([range[1] - Math.max(2, span * factor), range[1]]);
    switch (key) {
      case 'ArrowLeft': return pan(-1);
      case 'ArrowRight': return pan(1);
      case 'PageUp': return pan(-Math.max(1, Math.floor(span) - 2));
      case 'PageDown': return pan(Math.max(1, Math.floor(span) - 2));
      case '+': case '=': return zoom(1 / ZOOM);
      case '-': case '_': case of.MINUS: return zoom(ZOOM);
      case 'Home': return [-0.5, span - 0.5];
      case 'End': return [Math.max(-0.5, total - span + 1), Math.max(span - 0.5, total + 1)];
      default: return null;
    }
  }

  /** Listens for one layer. */
  class Keys {
    /** @param {any} layer */
    constructor(layer) {
      this.layer = layer;
      /** @type {[number, number]|null} */
      this.wanted = null;
      this.onKey = (/** @type {KeyboardEvent} */ event) => this.press(event);
      document.addEventListener('keydown', this.onKey);
    }

    /** Stop for good. */
    remove() {
      document.removeEventListener('keydown', this.onKey);
    }

    /** @param {KeyboardEvent} event */
    press(event) {
      const target = /** @type {Element} */ (event.target);
      const { layer } = this;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (!layer.gd || !layer.gd.isConnected || !layer.book.head) return;
      if (target && target.closest && target.closest(EDITABLE)) return;
      if (this.act(event.key)) event.preventDefault();
    }

    /** @param {string} key @returns {boolean} The key did something. */
    act(key) {
      const { layer } = this;
      const { head } = layer.book;
      if ((key === 'End' || key === 'l' || key === 'L') && head.live !== null) {
        layer.follow.goLive(false);
        return true;
      }
      if (key in MODES) return this.tellPage(key);
      const visible = this.wanted || layer.visible();
      const range = visible && rangeAfter(key, visible, head.total);
      if (!range) return false;
      this.move(range, key === 'Home' || key === 'End');
      return true;
    }

    /** @param {[number, number]} range @param {boolean} jump  A jump fits prices anew. */
    move(range, jump) {
      const { layer } = this;
      const idle = this.wanted === null;
      this.wanted = range;
      if (!idle) return; // a held key moves once per redraw, not once per repeat
      requestAnimationFrame(() => {
        const to = /** @type {[number, number]} */ (this.wanted);
        this.wanted = null;
        if (layer.gd) layer.follow.moveTo(to, jump);
      });
    }

    /** @param {string} key  1 to 4: the page owns the cell mode. @returns {boolean} */
    tellPage(key) {
      const { onKey, modeId, modeProp } = this.layer.options;
      const mode = /** @type {any} */ (MODES)[key];
      if (onKey) onKey(key, mode);
      else if (modeId && of.dash()) of.dash().set_props(modeId, { [modeProp || 'value']: mode });
      else this.layer.configure({ cells: mode });
      return true;
    }
  }

  Object.assign(of, { Keys, rangeAfter });
})(window.orderflow);
