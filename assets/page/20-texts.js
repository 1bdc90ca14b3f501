/*
 * The texts around the chart: asked for once a second, written beside Dash.
 *
 * The places (metric cards, status line, Feed card, badge) are empty elements for Dash; what they
 * hold is this file's. The server describes elements as trees, `[tag, attributes, children]` or a
 * text, and only what differs from what stands is changed.
 */

(function () {
  'use strict';

  const URL = '/page/texts';
  const PULSE_MS = 1000;
  const TIMEOUT_MS = 5000;

  /** What the page has told: the settings, the scope, positions' first session, what is in view. */
  const told = { view: null, scope: '', anchor: '', seen: {} };
  let onDue = () => {};
  let due = '';
  let pulses = 0;
  let asking = false;
  let missed = false;
  let timer = 0;

  /**
   * Make an element hold what the trees say.
   *
   * @param {Element} parent
   * @param {Array<string|Array<any>>} trees
   */
  function hold(parent, trees) {
    trees.forEach((tree, place) => {
      const node = parent.childNodes[place];
      if (typeof tree === 'string') holdText(parent, node, tree);
      else holdElement(parent, node, tree);
    });
    while (parent.childNodes.length > trees.length) parent.lastChild.remove();
  }

  function holdText(parent, node, text) {
    if (!node) parent.append(text);
    else if (node.nodeType !== Node.TEXT_NODE) node.replaceWith(text);
    else if (node.data !== text) node.data = text;
  }

  function holdElement(parent, node, [tag, attributes, children]) {
    let element = node;
    if (!element || element.localName !== tag) {
      element = document.createElement(tag);
      if (node) node.replaceWith(element);
      else parent.append(element);
    }
    for (const { name } of [...element.attributes]) {
      if (!(name in attributes)) element.removeAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
    hold(element, children);
  }

  /** Ask for the texts and write them; a second question waits for the first one's answer. */
  async function pulse() {
    if (!told.view || document.hidden) return;
    missed = asking;
    if (asking) return;
    asking = true;
    const { view, scope, anchor, seen } = told;
    const query = new URLSearchParams({ ...view, scope, anchor, pulse: String(pulses) });
    for (const [name, number] of Object.entries(seen)) query.set(`seen-${name}`, String(number));
    try {
      const response = await fetch(`${URL}?${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) write(await response.json());
    } catch {
      // The beat tells when the server is gone; the texts stay as they were.
    } finally {
      asking = false;
    }
    if (missed) pulse();
  }

  /** @param {{places: Object, classes?: Object, due?: string}} answer */
  function write(answer) {
    for (const [id, trees] of Object.entries(answer.places)) {
      const place = document.getElementById(id);
      if (place) hold(place, trees);
    }
    for (const [id, names] of Object.entries(answer.classes || {})) {
      const place = document.getElementById(id);
      if (place && place.className !== names) place.className = names;
    }
    if (!answer.due || answer.due === due) return;
    due = answer.due;
    onDue(pulses);
  }

  /**
   * Take over what the page shows now, and write its texts.
   *
   * @param {Partial<typeof told>} facts
   */
  function tell(facts) {
    if (facts.scope && facts.scope !== told.scope) told.seen = {}; // positions of another page
    Object.assign(told, facts);
    pulse();
  }

  /**
   * Begin for a page: a live one's texts are asked for once a second, a stored one's when told.
   *
   * @param {boolean} live
   * @param {(pulses: number) => void} whenDue  Another figure should stand now.
   */
  function begin(live, whenDue) {
    clearInterval(timer);
    onDue = whenDue;
    due = '';
    timer = live ? setInterval(second, PULSE_MS) : 0;
  }

  function second() {
    if (!document.getElementById('chart')) {
      clearInterval(timer);
      return;
    }
    pulses += 1;
    pulse();
  }

  document.addEventListener('visibilitychange', pulse);

  window.orderflowTexts = { begin, tell, hold };
})();
