/*
 * The export menu: its links name what the chart shows at the moment when one is used.
 */

(function () {
  'use strict';

  const SHARED = ['symbol', 'bar', 'va', 'vashare']; // settings that every format knows
  const NOT_LOOK = ['session', 'from_date', 'to_date', 'beat', 'level', 'cvd', 'anchor']; // named otherwise, or of no file
  const SCALE = 2;

  /** The settings of what is shown, as the layer asks for it. */
  function shown() {
    const state = window.orderflow.state();
    return new URLSearchParams(state ? state.beat.view : '');
  }

  /** First and last session shown: of the range chosen, else the day in the picker. */
  function dates(view) {
    if (view.get('from_date') || view.get('to_date')) return [view.get('from_date'), view.get('to_date')];
    const picker = document.getElementById('{"name":"session","type":"set"}');
    const day = view.get('session') || (picker ? picker.value : '');
    return [day, day];
  }

  /** The level size shown, as text; Auto has one too. */
  function level(view) {
    const state = window.orderflow.state();
    const chosen = view.get('level');
    if (chosen && chosen !== 'auto') return chosen;
    if (!state || !state.scale) return 'auto';
    return (state.scale.level / state.scale.price).toFixed(Math.round(Math.log10(state.scale.price)));
  }

  /** The address of a file of what is shown. */
  function address(form) {
    const view = shown();
    const query = new URLSearchParams({ format: form, level: level(view) });
    for (const [name, value] of view) {
      if (SHARED.includes(name) || (form === 'html' && !NOT_LOOK.includes(name))) query.set(name, value);
    }
    const cvd = view.get('cvd');
    if (cvd && (form === 'html' || cvd === 'continuous')) query.set('cvd', cvd);
    const [from, to] = dates(view);
    if (from) query.set('from', from);
    if (to) query.set('to', to);
    return `/api/v1/bars?${query}`;
  }

  /** Save the chart as a picture. */
  async function picture() {
    const view = shown();
    const link = document.createElement('a');
    link.href = await window.orderflow.png(SCALE);
    link.download = `${[view.get('symbol'), view.get('bar')].join('_').replace(/[^A-Za-z0-9.-]+/g, '-')}.png`;
    link.click();
  }

  for (const kind of ['pointerdown', 'focusin', 'click']) {
    document.addEventListener(kind, (event) => {
      const item = event.target.closest && event.target.closest('[data-export]');
      if (!item) return;
      const form = item.dataset.export;
      if (form !== 'png') item.href = address(form);
      else if (kind === 'click') picture();
    }, { capture: true });
  }
})();
