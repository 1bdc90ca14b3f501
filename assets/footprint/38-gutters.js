/*
 * The gutters beside the panes: price labels and pills at the right, names of rows and panes at
 * the left, and the hairlines that part the panes.
 */

(function (of) {
  'use strict';

  const { LAYER } = of;
  const PILL = 16; // height of a pill
  const PITCH = PILL + 1; // closest distance of two pills' middles
  const COUNTDOWN = 14; // height of the countdown below the last price's pill

  /**
   * Place pills so that none overlap: each as near to its price as the others allow.
   *
   * A pill that is held stays where its price is; the others are pushed away from it and from each
   * other, those above upwards and those below downwards, and kept inside [top, bottom].
   *
   * @param {{y: number, height: number, held?: boolean}[]} pills  `y` is the wanted middle of the
   *   pill itself; `height` includes what hangs below it.
   * @param {number} top @param {number} bottom
   * @returns {number[]}  Middles in the order given.
   */
  function spreadPills(pills, top, bottom) {
    const order = pills.map((_, i) => i).sort((a, b) => pills[a].y - pills[b].y || a - b);
    const place = pills.map((pill) => Math.min(Math.max(pill.y, top + PILL / 2), bottom - PILL / 2));
    const below = (/** @type {number} */ i) => pills[i].height - PILL / 2 + 1;
    const at = order.findIndex((i) => pills[i].held);
    const anchor = at < 0 ? 0 : at;
    for (let k = anchor + 1; k < order.length; k += 1) {
      const [over, own] = [order[k - 1], order[k]];
      place[own] = Math.max(place[own], place[over] + below(over) + PILL / 2);
    }
    for (let k = anchor - 1; k >= 0; k -= 1) {
      const [own, under] = [order[k], order[k + 1]];
      place[own] = Math.min(place[own], place[under] - below(own) - PILL / 2);
    }
    settle(order, place, pills, below, anchor, at >= 0, bottom);
    return place;
  }

  /** Push back what left the pane at the bottom (none is held there). @param {number[]} order @param {number[]} place @param {any[]} pills @param {(i: number) => number} below @param {number} anchor @param {boolean} held @param {number} bottom */
  function settle(order, place, pills, below, anchor, held, bottom) {
    let limit = bottom;
    for (let k = order.length - 1; k >= (held ? anchor + 1 : 0); k -= 1) {
      const own = order[k];
      place[own] = Math.min(place[own], limit - (pills[own].height - PILL / 2));
      limit = place[own] - PILL / 2 - 1;
    }
  }

  /** @param {Axes} axes @param {Theme} theme @param {any} head @param {Options} options @returns {any[]} Pills of the last price and of the level tags. */
  function pillsOf(axes, theme, head, options) {
    const pills = [];
    const y = (/** @type {number} */ units) => of.toPx(axes.price.y, units / head.scale.price);
    const inside = (/** @type {number} */ v) => v >= axes.price.top && v <= axes.price.bottom;
    if (head.last) {
      const hanging = options.countdown ? COUNTDOWN : 0;
      pills.push({ y: y(head.last.price), height: PILL + hanging, held: true, text: of.formatPrice(head.last.price, head.scale), fill: theme.text, colour: theme.background });
    }
    for (const tag of options.tags === false ? [] : [...(head.tags || []), ...(options.figureTags || [])]) {
      if (tag.price === null || !inside(y(tag.price))) continue;
      const text = `${tag.text} ${of.formatPrice(Math.round(tag.price), head.scale)}`;
      pills.push({ y: y(tag.price), height: PILL, text, fill: /** @type {any} */ (theme)[tag.role] || theme.secondary, colour: theme.pill_text });
    }
    return pills.filter((pill) => inside(pill.y));
  }

  /** @param {Axes} axes @returns {number} Where the right gutter begins: pills reach into the plot, over the profile. */
  function gutterLeft(axes) {
    return Math.round(Math.min(axes.right - 28, axes.bars));
  }

  /** @param {any} sheet @param {Axes} axes @param {Theme} theme @param {number} from @param {number} to  Hairlines between the panes. */
  function layoutRules(sheet, axes, theme, from, to) {
    let above = axes.price.bottom;
    for (const pane of axes.panes) {
      const y = Math.round((above + pane.top) / 2) - 0.5;
      sheet.line(LAYER.ZONE, { colour: theme.line, width: 1 }, [from, y, to, y]);
      above = pane.bottom;
    }
  }

  /**
   * Lay out the right gutter: labels of the price axes, the pills, the countdown.
   *
   * @param {any} book @param {Axes} axes @param {Options & {countdown?: string}} options
   * @returns {any}  A sheet.
   */
  function layoutRight(book, axes, options) {
    const theme = of.themeOf(options.theme);
    const { head } = book;
    const left = gutterLeft(axes);
    const sheet = new of.Sheet('gutter', { x: left, y: 0, w: axes.width - left, h: axes.strip });
    layoutRules(sheet, axes, theme, left, axes.width);
    const glyph = options.glyph || { width: 0.602, height: 0.73 };
    const size = theme.number_px;
    const label = { font: `400 ${size}px ${theme.font_mono}`, size, colour: theme.secondary, align: 'right', opacity: 1 };
    const pills = pillsOf(axes, theme, head, options);
    const places = spreadPills(pills, axes.price.top, axes.price.bottom);
    const taken = pills.map((pill, i) => [places[i] - PILL / 2 - 1, places[i] + pill.height - PILL / 2 + 1]);
    const drop = (size * glyph.height) / 2;
    for (const value of axes.price.labelled ? axes.price.ticks : []) {
      const y = of.toPx(axes.price.y, value);
      const free = taken.every(([top, bottom]) => y + drop + 1 < top || y - drop - 1 > bottom);
      if (free && y - drop >= axes.price.top - 2 && y + drop <= axes.price.bottom + 2) {
        sheet.text(LAYER.NUMBER, label, axes.width - 8, Math.round(y + drop), of.formatNumber(value, head.scale.decimals, head.scale.grouping));
      }
    }
    for (const pane of axes.panes) layoutPaneLabels(sheet, pane, axes, label, drop, head.scale);
    pills.forEach((pill, i) => layoutPill(sheet, pill, places[i], axes, theme, glyph));
    if (options.countdown && pills.length && pills[0].held) {
      const style = { ...label, align: 'center' };
      sheet.text(LAYER.TAG, style, (axes.right + axes.width) / 2, Math.round(places[0] + PILL / 2 + COUNTDOWN / 2 + drop - 1), options.countdown);
    }
    return sheet;
  }

  /** @param {any} sheet @param {Pane} pane @param {Axes} axes @param {any} style @param {number} drop @param {Scale} scale */
  function layoutPaneLabels(sheet, pane, axes, style, drop, scale) {
    if (!pane.labelled) return;
    for (const value of pane.ticks) {
      const y = of.toPx(pane.y, value);
      if (y - drop < pane.top - 1 || y + drop > pane.bottom + 1) continue;
      const text = pane.kind === 'volume' ? of.formatSize(value, 7).replace(of.ZERO, '0') : of.formatSigned(value, 6, scale.grouping);
      sheet.text(LAYER.NUMBER, style, axes.width - 8, Math.round(y + drop), text);
    }
  }

  /** @param {any} sheet @param {any} pill @param {number} middle @param {Axes} axes @param {Theme} theme @param {{width: number, height: number}} glyph */
  function layoutPill(sheet, pill, middle, axes, theme, glyph) {
    const size = 10.5;
    const right = axes.width - 3;
    const room = right - gutterLeft(axes) - 2;
    const widthOf = (/** @type {string} */ text) => text.length * size * glyph.width + 10;
    // "VAH since 11:02 25,092.00" loses its middle where there is no room for it.
    const text = widthOf(pill.text) <= room ? pill.text : `${pill.text.split(' ')[0]} ${pill.text.split(' ').pop()}`;
    const width = Math.max(right - axes.right - 4, widthOf(text));
    const top = Math.round(middle - PILL / 2);
    sheet.frame(LAYER.TAG, { fill: pill.fill, width: 0, colour: pill.fill }, [right - width, top, width, PILL, 3]);
    const style = { font: `700 ${size}px ${theme.font_mono}`, size, colour: pill.colour, align: 'right', opacity: 1 };
    sheet.text(LAYER.TAG, style, right - 5, Math.round(top + PILL / 2 + (size * glyph.height) / 2), text);
  }

  /**
   * Lay out the left gutter: names of panes and table rows, the date of the first bar in view.
   *
   * @param {any} book @param {Axes} axes @param {Options} options
   * @returns {any}  A sheet as wide as the graph, for the hairlines between the panes.
   */
  function layoutLeft(book, axes, options) {
    const theme = of.themeOf(options.theme);
    const sheet = new of.Sheet('names', { x: 0, y: 0, w: axes.width, h: axes.height });
    const name = { font: `400 11px ${theme.font_sans}`, size: 11, colour: theme.secondary, align: 'left', opacity: 1 };
    layoutRules(sheet, axes, theme, 0, gutterLeft(axes));
    sheet.line(LAYER.ZONE, { colour: theme.line, width: 1 }, [0, axes.strip + 0.5, axes.width, axes.strip + 0.5]);
    for (const pane of axes.panes) {
      sheet.text(LAYER.NUMBER, name, 10, Math.round(pane.top + 13), of.PANE_NAMES[pane.kind] || '');
    }
    const rows = of.rowsShown(book, axes, options, theme);
    rows.forEach((/** @type {string} */ row, /** @type {number} */ i) => {
      const y = axes.strip + of.STRIP_PAD + (i + 0.5) * theme.table_row_px + 3;
      sheet.text(LAYER.NUMBER, name, 10, Math.round(y), (book.head.row_names || [])[i] || row);
    });
    const date = book.dateOf(Math.max(0, Math.ceil(axes.x.range[0])));
    const mono = { ...name, font: `400 ${theme.number_px}px ${theme.font_mono}` };
    if (date) sheet.text(LAYER.NUMBER, mono, 10, of.timeBaseline(axes, theme, rows.length), date);
    return sheet;
  }

  Object.assign(of, { gutterLeft, spreadPills, layoutRight, layoutLeft });
})(window.orderflow);
