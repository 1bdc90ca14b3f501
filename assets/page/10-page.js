/* What the page does in the browser alone: the beat, the address, folding the cards, and the
   controls that stand in two places. Called by Dash's clientside callbacks (pages/callbacks.py). */
"use strict";

window.dash_clientside = window.dash_clientside || {};

(function () {
  const nothing = () => window.dash_clientside.no_update;

  /** Set the control of a setting, as if a person had chosen it there. */
  function choose(name, value) {
    window.dash_clientside.set_props({ type: "set", name }, { value });
  }

  /** Ask the data plane for what changed; the answer goes to the layer, never through Dash. */
  function beat(n, query) {
    if (query) window.orderflow.beat(n, query);
    return nothing();
  }

  /** Tell the layer what to paint and with which colours. */
  function options(layerOptions) {
    if (layerOptions) {
      window.orderflow.attach("chart", {
        ...layerOptions,
        onSpan: (span) => window.dash_clientside.set_props("span", { data: span }),
        onMode: (mode) => choose("cells", mode),
        onFold: () => document.getElementById("fold")?.click(),
      });
    }
    return nothing();
  }

  /** Keep the address in step with the view, without Dash noticing: a Location would rebuild the
      page. The controls in the top bar and in the cards that hold the same setting follow. */
  function address(view) {
    if (!view) return nothing();
    const query = new URLSearchParams(view).toString();
    const path = window.location.pathname + (query ? "?" + query : "");
    if (path !== window.location.pathname + window.location.search) {
      window.history.replaceState(window.history.state, "", path);
    }
    choose("bar", view.bar);
    choose("bar.quick", view.bar);
    choose("level", view.level || "auto");
    choose("level.quick", view.level || "auto");
    return nothing();
  }

  /** Show or hide the control cards; remembered in this browser. */
  function fold(clicks, folded) {
    const now = clicks ? !folded : Boolean(folded);
    if (clicks) window.dash_clientside.set_props("folded", { data: now });
    // The chart's room changed: Plotly listens to the window alone.
    setTimeout(() => window.dispatchEvent(new Event("resize")), 0);
    return now ? "desk folded" : "desk";
  }

  window.dash_clientside.page = { beat, options, address, fold };
})();
