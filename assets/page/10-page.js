/*
 * What the page does in the browser alone: the beat, the address, folding the cards, the feed's
 * dot, and the controls that stand in two places. Called by Dash's clientside callbacks
 * (dashboard/pages/callbacks.py); the chart itself is the layer's (assets/footprint).
 */

(function () {
  'use strict';

  const TELL_MS = 400; // how often, at most, the server is told what is in view
  const LATE_MS = 5000;
  const WRITE_MS = 950;
  const NARROW_PX = 900; // as in assets/css/20-page.css
  const TRY_MS = 50;

  const client = () => window.dash_clientside;
  const nothing = () => client().no_update;

  const WORDS = { unit: ['lots', 'qty'] }; // settings that a click on a metric changes
  let chosen = {};

  /** Set the control of a setting, as if a person had chosen it there. */
  function choose(name, value) {
    client().set_props({ type: 'set', name }, { value });
  }

  let asked = null; // what the layer's requests carry
  let scope = '';
  let beatMs = 0;

  /** Let the layer ask the data plane: again and again, or for stored bars once. Never through Dash. */
  function ask() {
    if (!asked || !beatMs) return;
    if (scope === 'live') window.orderflow.run(asked, beatMs);
    else window.orderflow.show(asked);
  }

  /** The layer's requests carry something else from now on. */
  function query(wanted, ofScope) {
    if (!wanted) return nothing();
    asked = wanted;
    chosen = wanted;
    scope = ofScope;
    ask();
    // Also when the page opens: Dash runs `address` only when the view has changed.
    window.orderflowTexts.tell({ view: asked, scope, anchor: asked.anchor || '' });
    return nothing();
  }

  let told = '';
  let telling = 0;

  /** Width of the plot area: the figure's profile is so many pixels of it. */
  function plotWidth() {
    const gd = document.querySelector('#chart .js-plotly-plot');
    return gd && gd._fullLayout && gd._fullLayout.xaxis ? gd._fullLayout.xaxis._length : 0;
  }

  /** Tell the server what is in view, once it has come to rest. */
  function tellSeen() {
    telling = 0;
    const state = window.orderflow.state();
    if (!state || !state.visible || !state.scale) return;
    const [low, high] = state.visible;
    const seen = {
      first: Math.max(0, Math.ceil(low)),
      last: Math.max(0, Math.min(state.total - 1, Math.floor(high))),
      level: state.scale.level,
      plot_px: Math.round(plotWidth()),
    };
    const text = JSON.stringify(seen);
    if (text === told) return;
    told = text;
    client().set_props('seen', { data: seen });
    window.orderflowTexts.tell({ seen });
  }

  let wrote = 0;

  /** The layer's state changed: the feed's dot and age, and what is in view. */
  function onState(state) {
    const dot = document.getElementById('feed-dot');
    const age = document.getElementById('feed-age');
    if (dot && age) showAge(state, dot, age);
    if (!telling) telling = setTimeout(tellSeen, TELL_MS);
  }

  /** Say how old the feed is: a change at once, the numbers once a second, for a write costs a layout. */
  function showAge(state, dot, age) {
    const ms = state.feed.ageMs + (state.feed.since ? Date.now() - state.feed.since : 0);
    const late = state.stale !== '' || ms > LATE_MS;
    const alive = state.feed.state === 'live' || state.feed.state === 'preparing';
    const names = `dot ${late ? 'late' : alive ? 'live' : ''}`;
    if (dot.className === names && Date.now() - wrote < WRITE_MS) return;
    wrote = Date.now();
    dot.className = names;
    age.textContent = alive ? `${(ms / 1000).toFixed(1)} s` : state.feed.state;
    age.title = state.stale || 'Since the last sign of life of the feed';
    showBehind(state);
  }

  /** Say how long the newest trade took from the feed to the screen, as the canvas has it. */
  function showBehind(state) {
    const place = document.getElementById('behind');
    const canvas = document.querySelector('.orderflow-layer canvas');
    if (!place || !canvas) return;
    const ms = Number(canvas.dataset.latencyMs);
    // A trade of before the page was opened was not late: it was not waited for.
    const fresh = state.live !== null && canvas.dataset.latencyMs && ms < LATE_MS;
    const text = fresh ? `On screen ${ms} ms behind the feed` : '';
    if (place.textContent !== text) place.textContent = text;
  }

  /** Tell the layer what to paint and with which colours. */
  function options(layer) {
    if (!layer) return nothing();
    told = '';
    window.orderflowTexts.begin(layer.scope === 'live', (pulse) => client().set_props('due', { data: { pulse } }));
    window.orderflow.attach('chart', {
      ...layer,
      onState,
      onKey: (key, mode) => choose('cells', mode),
      onMessage: (sentence) => {
        const place = document.getElementById('layer-message');
        if (place) place.textContent = sentence;
      },
    });
    const slower = layer.beat_ms !== beatMs;
    beatMs = layer.beat_ms;
    if (slower && scope === layer.scope) ask();
    return nothing();
  }

  /**
   * Bring the figure up to date, upon what stands: its ranges are the user's.
   *
   * Not through dcc.Graph: it knows nothing of ranges any more (`listenAlone` in assets/footprint),
   * and would put back those that the page was opened with.
   */
  function draw(redraw) {
    if (!redraw) return nothing();
    const gd = document.querySelector('#chart .js-plotly-plot');
    if (!gd || !gd._fullLayout) {
      if (document.getElementById('chart')) setTimeout(() => draw(redraw), TRY_MS);
      return nothing();
    }
    const figure = { data: gd.data, layout: gd.layout };
    const own = new Set([figure]); // parts that are copies already
    for (const [path, value] of redraw) {
      let node = figure;
      for (const step of path.slice(0, -1)) {
        if (!own.has(node[step])) node[step] = Array.isArray(node[step]) ? [...node[step]] : { ...node[step] };
        node = node[step];
        own.add(node);
      }
      node[path[path.length - 1]] = value;
    }
    window.Plotly.react(gd, figure.data, figure.layout, gd._context);
    return nothing();
  }

  /** Keep the address in step with the view, without Dash noticing: a Location would rebuild the
      page. */
  function address(view, ofScope) {
    if (!view) return nothing();
    chosen = view;
    const query = new URLSearchParams(view).toString();
    const path = window.location.pathname + (query ? `?${query}` : '');
    if (path !== window.location.pathname + window.location.search) {
      window.history.replaceState(window.history.state, '', path);
    }
    window.orderflowTexts.tell({ view, scope: ofScope });
    return nothing();
  }

  /** Let controls follow another one: those of the same setting, the ratio of a preset. */
  function held(values) {
    for (const [name, value] of Object.entries(values || {})) choose(name, value);
    return nothing();
  }

  /** Name the day that the live page shows, the newest, among those to choose from. */
  function days(options) {
    const picker = document.getElementById('{"name":"session","type":"set"}');
    if (!picker || !options || !options.length) return nothing();
    // Dash also calls this when a page opens; choosing what is chosen would count as a choice.
    const offered = new Set([...picker.options].map((option) => option.value));
    if (options.every(({ value }) => offered.has(value))) return nothing();
    client().set_props({ type: 'set', name: 'session' }, { options, value: options[options.length - 1].value });
    return nothing();
  }

  /** Show or hide the control cards; remembered in this browser. */
  function fold(clicks, folded) {
    // In a narrow window the cards would lie over the chart: there they open when asked for.
    const first = folded === null || folded === undefined ? window.innerWidth <= NARROW_PX : folded;
    const now = clicks ? !first : first;
    if (clicks) client().set_props('folded', { data: now });
    // The chart's room changed: Plotly listens to the window alone.
    setTimeout(() => window.dispatchEvent(new Event('resize')), 0);
    return now ? 'desk folded' : 'desk';
  }

  /** Unfold the control cards and bring a part of them into view. */
  function reveal(id, focus) {
    if (document.querySelector('.desk.folded')) document.getElementById('fold')?.click();
    setTimeout(() => {
      const part = document.getElementById(id);
      if (!part) return;
      part.scrollIntoView({ block: 'nearest' });
      (focus ? part : part.querySelector('input, select'))?.focus();
    }, 50);
  }

  document.addEventListener('click', (event) => {
    const toggle = event.target.closest('[data-toggles]');
    if (toggle) {
      const name = toggle.dataset.toggles;
      const [first, second] = WORDS[name];
      choose(name, (chosen[name] || first) === first ? second : first);
    } else if (event.target.closest('#typed-bar')) {
      reveal('{"name":"bar","type":"set"}', true);
    } else if (event.target.closest('#studies')) {
      reveal('card-studies', false);
    }
  });

  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest && event.target.closest('input, select, textarea');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'c' || event.key === 'C') document.getElementById('fold')?.click();
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.page = { query, options, draw, address, days, held, fold };
})();
