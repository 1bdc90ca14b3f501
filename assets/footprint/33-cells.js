/*
 * The ladder's cells: bid and ask, delta, total or profile, and without text the mini-profile.
 */

(function (of) {
  'use strict';

  const { LAYER, MARK, BASE_CHARACTERS, fillOf, textsOf, rowSpan } = of;

  /**
   * LOD 1 and 2: the cells with their numbers.
   *
   * @param {Scene} scene @param {Bar} bar @param {number} cx
   */
  function layoutCells(scene, bar, cx) {
    const mode = scene.options.cells || 'bidask';
    const one = scene.lod === 1 ? mode : mode === 'bidask' || mode === 'delta' ? 'delta' : 'total';
    const left = scene.snap(cx + scene.slot.ladder);
    const right = scene.snap(cx + scene.slot.ladder + scene.slot.ladderWidth);
    // A number is shown whole or not at all: "31" for a clipped "−31" would mislead.
    const whole = scene.showsNumbers && left >= scene.axes.left && right <= scene.axes.bars;
    const flashing = scene.options.flash && scene.options.flash.get(bar.x);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = rowSpan(scene, bar, k);
      if (!span) continue;
      const row = { k, top: span[0], height: span[1], left, right, whole, marks: scene.marks(bar, k), mid: span[0] + (span[1] - 1) / 2 };
      scene.count += 1;
      if (one === 'bidask') twoNumbers(scene, bar, row);
      else if (one === 'profile') volumeSplit(scene, bar, row);
      else oneNumber(scene, bar, row, one);
      markEdges(scene, row);
      if (flashing && flashing.has(bar.p[k])) scene.sheet.frame(LAYER.EDGE, scene.lines.flash, [left + 0.5, row.top + 0.5, right - left - 1, row.height - 2]);
    }
    layoutHoles(scene, bar, left, right, whole);
    if (scene.slot.profileWidth) layoutInbar(scene, bar, cx);
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} left @param {number} right @param {boolean} numbers  Rows inside the bar where nothing traded: empty cells, so that the ladder has no holes. */
  function layoutHoles(scene, bar, left, right, numbers) {
    const { level } = scene.scale;
    const two = scene.twoNumbers;
    const spine = scene.snap((left + right) / 2);
    const px = 1 / scene.axes.dpr;
    for (let k = 1; k < bar.levels; k += 1) {
      for (let price = bar.p[k - 1] + level; price < bar.p[k]; price += level) {
        const [low, high] = of.rowEdges(price, scene.scale);
        const top = scene.snap(scene.y(high));
        const height = scene.snap(scene.y(low)) - top;
        if (top >= scene.axes.price.bottom || top + height <= scene.axes.price.top) continue;
        scene.sheet.fill(LAYER.FILL, scene.theme.blank, left, top, right - left, height - px);
        if (!numbers) continue;
        const y = scene.snap(top + (height - 1) / 2 + scene.baseline);
        if (!two) scene.sheet.text(LAYER.NUMBER, scene.text.center.zero, (left + right) / 2, y, of.ZERO);
        else {
          scene.sheet.text(LAYER.NUMBER, scene.text.right.zero, spine - px - 3, y, of.ZERO);
          scene.sheet.text(LAYER.NUMBER, scene.text.left.zero, spine + 3, y, of.ZERO);
        }
      }
    }
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row  Bid against the spine from the left, ask from the right. */
  function twoNumbers(scene, bar, row) {
    const { sheet, theme, steps } = scene;
    const { k, top, left, right, marks } = row;
    const px = 1 / scene.axes.dpr;
    const height = row.height - px;
    const spine = scene.snap((left + right) / 2);
    const bidFill = fillOf(theme, 'sell', steps ? steps.cell(bar.b[k]) : bar.hb[k], (marks & MARK.SELL) > 0);
    const askFill = fillOf(theme, 'buy', steps ? steps.cell(bar.a[k]) : bar.ha[k], (marks & MARK.BUY) > 0);
    sheet.fill(LAYER.FILL, bidFill, left, top, spine - left - px, height);
    sheet.fill(LAYER.FILL, askFill, spine, top, right - spine, height);
    const bid = textsOf(bar, 'b', scene.room)[k];
    const ask = textsOf(bar, 'a', scene.room)[k];
    const bidStyle = pick(scene.text.right, bar.b[k], marks & MARK.SELL ? 'sell' : 'plain');
    const askStyle = pick(scene.text.left, bar.a[k], marks & MARK.BUY ? 'buy' : 'plain');
    if (row.whole) {
      const y = scene.snap(row.mid + scene.baseline);
      sheet.text(LAYER.NUMBER, bidStyle, spine - px - 3, y, bid);
      sheet.text(LAYER.NUMBER, askStyle, spine + 3, y, ask);
    }
    record(scene, bar, row, { bid, ask, bidFill, askFill, bidColour: bidStyle.colour, askColour: askStyle.colour });
  }

  /** @param {any} family @param {number} value @param {string} role @returns {TextStyle} */
  function pick(family, value, role) {
    return value ? family[role] : family.zero;
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row @param {string} kind  delta or total: one number, at LOD 2 over its row's volume. */
  function oneNumber(scene, bar, row, kind) {
    const { sheet, theme, steps } = scene;
    const { k, top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    const delta = bar.a[k] - bar.b[k];
    const side = kind === 'total' ? 'neutral' : delta > 0 ? 'buy' : 'sell';
    const imbalance = marks & (MARK.BUY | MARK.SELL);
    const step = kind === 'total'
      ? (steps ? steps.total(bar.total[k]) : bar.ht[k])
      : (steps ? steps.delta(Math.abs(delta)) : (delta ? bar.hd[k] : -1));
    const fill = fillOf(theme, side, step, imbalance > 0);
    if (scene.lod === 1) {
      sheet.fill(LAYER.FILL, fill, left, top, right - left, height);
    } else {
      sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, height);
      const width = bar.top ? scene.snap(((right - left) * bar.total[k]) / bar.top) : 0;
      sheet.fill(LAYER.BODY, fillOf(theme, side, Math.min(Math.max(step, 0), theme.imbalance_cap), true), left, top, width, height);
    }
    const text = textsOf(bar, kind, scene.room)[k];
    const value = kind === 'total' ? bar.total[k] : delta;
    const style = pick(scene.text.center, value, roleOf(scene, kind, delta, marks));
    if (row.whole) sheet.text(LAYER.NUMBER, style, (left + right) / 2, scene.snap(row.mid + scene.baseline), text);
    record(scene, bar, row, { [kind]: text, fill, colour: style.colour });
  }

  /** @param {Scene} scene @param {string} kind @param {number} delta @param {number} marks @returns {string} Style of a single number: a delta has its own sign's colour, also in an imbalance. */
  function roleOf(scene, kind, delta, marks) {
    const imbalance = (marks & (MARK.BUY | MARK.SELL)) > 0;
    if (kind === 'total') return marks & MARK.BUY ? 'buy' : marks & MARK.SELL ? 'sell' : 'plain';
    if (imbalance) return delta > 0 ? 'buy' : 'sell';
    return scene.lod === 1 ? 'plain' : delta > 0 ? 'up' : 'down';
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row  Profile cells: bid and ask volume end to end, the total in a column at the right. */
  function volumeSplit(scene, bar, row) {
    const { sheet, theme } = scene;
    const { k, top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    const column = scene.showsNumbers ? BASE_CHARACTERS * scene.size * scene.glyph.width + 8 : 0; // the numbers' own
    const unit = bar.top ? Math.max(0, right - left - column) / bar.top : 0;
    const parts = [[theme.heat_sell[3], bar.b[k]], [theme.heat_neutral[3], bar.u[k]], [theme.heat_buy[3], bar.a[k]]];
    sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, height);
    let x = left;
    for (const [colour, size] of parts) {
      if (size) sheet.fill(LAYER.BODY, colour, x, top, size * unit, height);
      x += size * unit;
    }
    const text = textsOf(bar, 'total', scene.room)[k];
    const role = marks & MARK.BUY ? 'buy' : marks & MARK.SELL ? 'sell' : 'plain';
    const style = pick(scene.text.right, bar.total[k], role);
    if (row.whole) sheet.text(LAYER.NUMBER, style, right - 6, scene.snap(row.mid + scene.baseline), text);
    record(scene, bar, row, { total: text, fill: theme.blank, colour: style.colour });
  }

  /** @param {Scene} scene @param {Bar} bar @param {any} row @param {Object<string, any>} more  List the cell for tests. */
  function record(scene, bar, row, more) {
    if (!scene.cells) return;
    scene.cells.push({
      x: bar.x, price: bar.p[row.k], marks: row.marks, numbers: Boolean(row.whole),
      box: [row.left, row.top, row.right - row.left, row.height], ...more,
    });
  }

  /** @param {Scene} scene @param {any} row  Edge bars of imbalances, and the box of the POC. */
  function markEdges(scene, row) {
    const { sheet, theme } = scene;
    const { top, left, right, marks } = row;
    const height = row.height - 1 / scene.axes.dpr;
    if (marks & MARK.BUY) sheet.fill(LAYER.LINE, theme.buy_text, right - 3, top, 3, height);
    if (marks & MARK.SELL) sheet.fill(LAYER.LINE, theme.sell_text, left, top, 3, height);
    if (marks & MARK.BUY_STACK) sheet.fill(LAYER.EDGE, theme.buy_text, right + 1, top, 2, row.height);
    if (marks & MARK.SELL_STACK) sheet.fill(LAYER.EDGE, theme.sell_text, left - 3, top, 2, row.height);
    if (marks & MARK.POC) sheet.frame(LAYER.EDGE, scene.lines.poc, [left + 0.25, top + 0.25, right - left - 0.5, height - 0.5]);
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  The grey volume profile right of the ladder. */
  function layoutInbar(scene, bar, cx) {
    const { sheet, theme, slot } = scene;
    const most = scene.options.inbarScale === 'session' ? scene.book.top : bar.top;
    const left = scene.snap(cx + slot.profile);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = most ? rowSpan(scene, bar, k) : null;
      if (!span) continue;
      const width = Math.max(1, scene.snap((slot.profileWidth * bar.total[k]) / most));
      sheet.fill(LAYER.BODY, theme.heat_neutral[4], left, span[0] + 1, width, Math.max(1, span[1] - 3));
    }
  }

  /** @param {Scene} scene @param {Bar} bar @param {number} cx  LOD 3: bid to the left, ask to the right, POC ticks, imbalance dots. */
  function layoutMini(scene, bar, cx) {
    const { sheet, theme, slot } = scene;
    const left = scene.snap(cx + slot.ladder);
    const right = scene.snap(left + slot.ladderWidth);
    const spine = scene.snap((left + right) / 2);
    const half = Math.min(spine - left, right - spine) - 2;
    const most = Math.max(...bar.b, ...bar.a);
    for (let k = 0; k < bar.levels; k += 1) {
      const span = rowSpan(scene, bar, k);
      if (!span) continue;
      const [top, height] = span;
      const inner = Math.max(1, height - (height >= 6 ? 1 : 0.5));
      const marks = scene.marks(bar, k);
      const bid = most > 0 ? scene.snap((half * bar.b[k]) / most) : 0;
      const ask = most > 0 ? scene.snap((half * bar.a[k]) / most) : 0;
      sheet.fill(LAYER.FILL, theme.blank, left, top, right - left, inner);
      if (bid) sheet.fill(LAYER.BODY, theme.heat_sell[3], spine - bid, top, bid, inner);
      if (ask) sheet.fill(LAYER.BODY, theme.heat_buy[3], spine, top, ask, inner);
      const dot = Math.min(3, inner);
      const middle = top + (inner - dot) / 2;
      if (marks & MARK.SELL) sheet.fill(LAYER.EDGE, theme.sell_text, left - 1, middle, dot, dot);
      if (marks & MARK.BUY) sheet.fill(LAYER.EDGE, theme.buy_text, right + 1 - dot, middle, dot, dot);
      if (marks & MARK.POC) sheet.fill(LAYER.EDGE, theme.poc, spine - 4, top + inner / 2 - 1, 8, 2);
      scene.count += 1;
      record(scene, bar, { k, top, height, left, right, marks }, {});
    }
  }

  Object.assign(of, { layoutCells, layoutMini });
})(window.orderflow);
