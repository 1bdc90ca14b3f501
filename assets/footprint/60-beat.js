/*
 * The beat: asking the server for what changed, and for bars that come into view.
 *
 * One request is in flight at most, none while the page is hidden; a failure is followed by
 * growing waits, with the chart marked stale. Every answer is a state, never an increment, so a
 * lost one heals with the next. What a setting means is the server's matter: the view is passed
 * on as text.
 */

(function (of) {
  'use strict';

  const TIMEOUT_MS = 5000;
  const FIRST_WAIT_MS = 500;
  const LONGEST_WAIT_MS = 10000;
  const GRACE_MS = 2000; // without an answer for so long, the chart is marked stale
  const MARGIN = 20; // bars beyond the view, at least
  const PLACES = ['symbol', 'bar', 'session', 'from_date', 'to_date']; // settings that decide what stands where

  /**
   * How long to wait after so many failures in a row.
   *
   * @param {number} failures  From 1.
   * @returns {number}  ms.
   */
  function waitAfter(failures) {
    return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  }

  /**
   * The window to ask for: the view and a screen of it to each side.
   *
   * @param {[number, number]} visible
   * @returns {[number, number]}  Whole positions.
   */
  function windowAround(visible) {
    const margin = Math.max(MARGIN, visible[1] - visible[0]);
    return [Math.max(0, Math.floor(visible[0] - margin)), Math.max(0, Math.ceil(visible[1] + margin))];
  }

  /** Asks for one layer. */
  class Beat {
    /** @param {any} layer */
    constructor(layer) {
      this.layer = layer;
      layer.onNeed = () => this.onNeed();
      /** @type {Object<string, string>} */
      this.view = {};
      this.viewText = '';
      /** @type {[number, number]|null} */
      this.window = null;
      this.measure = null;
      this.inFlight = /** @type {AbortController|null} */ (null);
      this.failures = 0;
      this.notBefore = 0;
      this.answeredAt = Date.now();
      this.requests = 0;
      this.late = false; // a question was put off
      this.live = true;
      this.onVisible = () => { if (!document.hidden && this.live) this.ask(); };
      document.addEventListener('visibilitychange', this.onVisible);
    }

    /** Stop for good. */
    remove() {
      document.removeEventListener('visibilitychange', this.onVisible);
      clearTimeout(this.again);
      clearInterval(this.clock);
      if (this.inFlight) this.inFlight.abort('removed');
    }

    /**
     * One beat of the page's interval.
     *
     * @param {Object<string, string>} view  All view settings as text.
     * @param {boolean} live  False: ask once for this view, then only for bars that are missing.
     */
    beat(view, live) {
      const text = JSON.stringify([live, view || {}]);
      if (live !== this.live) this.layer.forget(); // the other page's bars are another world
      this.live = live;
      if (!live) clearInterval(this.clock);
      if (text !== this.viewText) this.changeView(view || {}, text);
      else if (live) this.ask();
    }

    /**
     * Beat by a clock of its own, so that four beats a second do not each pass through Dash.
     *
     * It rests while the graph is not in the page, and ends with the first view of stored bars.
     *
     * @param {Object<string, string>} view @param {number} ms
     */
    run(view, ms) {
      clearInterval(this.clock);
      this.beat(view, true);
      this.clock = setInterval(() => {
        if (document.getElementById(this.layer.graphId)) this.ask();
      }, ms);
    }

    /** @param {Object<string, string>} view @param {string} text  Another view: what is on its way is of no use any more. */
    changeView(view, text) {
      // What is in view are positions of the view before: the newest bars are asked for.
      if (this.viewText && PLACES.some((name) => view[name] !== this.view[name])) this.elsewhere = true;
      this.view = { ...view };
      this.viewText = text;
      this.failures = 0;
      this.notBefore = 0;
      if (this.inFlight) this.inFlight.abort('view');
      this.inFlight = null;
      this.ask();
    }

    /** The view has moved: ask at once when bars are missing. */
    onNeed() {
      this.measure = null;
      const visible = this.layer.visible();
      if (!visible || !this.viewText) return;
      if (this.measures || !this.layer.book.covers(visible[0], visible[1])) this.ask();
    }

    /** @returns {boolean} Stored bars at an auto level: no interval asks what the view needs now. */
    get measures() {
      return !this.live && this.view.level === 'auto';
    }

    /** Ask, unless it is not the time. */
    ask() {
      if (this.inFlight) this.late = !this.live; // no interval asks again for stored bars
      if (document.hidden || this.inFlight || Date.now() < this.notBefore) return;
      const request = new AbortController();
      this.inFlight = request;
      this.late = false;
      this.requests += 1;
      const timer = setTimeout(() => request.abort('timeout'), this.layer.options.timeout || TIMEOUT_MS);
      const endpoint = this.layer.options.endpoint || (this.live ? '/api/v1/live' : '/api/v1/bars');
      fetch(`${endpoint}?${this.query()}`, { signal: request.signal, cache: 'no-store', headers: { Accept: 'application/json' } })
        .then((response) => this.onResponse(response, request))
        .catch((error) => this.onFailure(error, request))
        .finally(() => {
          clearTimeout(timer);
          if (this.inFlight !== request) return;
          this.inFlight = null;
          if (this.late) this.ask();
        });
    }

    /** @returns {string} The query of the next request. */
    query() {
      const { book } = this.layer;
      const query = new URLSearchParams(this.view);
      if (!this.live) query.set('format', 'layer');
      const visible = this.elsewhere ? null : this.layer.visible();
      const { head } = book;
      const covered = visible && this.window && book.covers(visible[0], visible[1]);
      if (visible && !covered) this.window = windowAround(visible);
      if (visible && this.window) {
        // At the live edge the window stays open, so that bars yet to come are in it.
        const open = head && head.live !== null && visible[1] >= head.live;
        query.set('from', String(this.window[0]));
        query.set('to', String(open ? Math.max(this.window[1], head.live + MARGIN) : this.window[1]));
      }
      query.set('since', String(head && (covered || !visible) ? head.version : 0));
      query.set('view', head ? head.view : '');
      if (this.view.level === 'auto') this.addMeasure(query);
      return query.toString();
    }

    /** @param {URLSearchParams} query  What auto level is chosen by, as it was when the view came to rest. */
    addMeasure(query) {
      const axes = of.readAxes(this.layer.gd);
      const { head } = this.layer.book;
      if (!head) this.late = !this.live; // the first answer brings what is measured
      if (!axes || !head) return;
      const { y } = axes.price;
      if (!this.measure || this.layer.follow.active) {
        this.measure = [Math.round(axes.price.bottom - axes.price.top), Math.round(Math.abs(y.range[1] - y.range[0]) * head.scale.price)];
      }
      query.set('pane', String(this.measure[0]));
      query.set('span', String(this.measure[1]));
      query.set('current', String(head.scale.level));
    }

    /** @param {Response} response @param {AbortController} request */
    async onResponse(response, request) {
      if (response.status === 204) {
        this.onAnswer();
        const { headers } = response;
        this.layer.onFeed(headers.get('X-Feed-State') || '', Number(headers.get('X-Feed-Age-Ms')) || 0, decodeURIComponent(headers.get('X-Feed-Cause') || ''));
        return;
      }
      if (response.status === 400 || response.status === 404) {
        const sentence = await sentenceOf(response);
        if (this.inFlight !== request) return;
        this.onAnswer();
        this.notBefore = Date.now() + LONGEST_WAIT_MS; // the same question would get the same answer
        this.say(sentence);
        return;
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      const payload = await response.json();
      if (this.inFlight !== request) return; // of a view that has been left
      this.elsewhere = false;
      this.onAnswer();
      this.say('');
      this.layer.apply(payload);
    }

    /** The server has answered. */
    onAnswer() {
      this.failures = 0;
      this.notBefore = 0;
      this.answeredAt = Date.now();
      if (this.layer.fault) this.layer.onFault('');
    }

    /** @param {any} error @param {AbortController} request */
    onFailure(error, request) {
      if (this.inFlight !== request) return;
      this.failures += 1;
      const wait = waitAfter(this.failures);
      this.notBefore = Date.now() + wait;
      const silent = Date.now() - this.answeredAt;
      if (silent >= GRACE_MS) this.layer.onFault(`No answer from the dashboard for ${Math.round(silent / 1000)} s`);
      clearTimeout(this.again);
      if (!this.live) this.again = setTimeout(() => this.ask(), wait + 10); // no interval beats for it
    }

    /** @param {string} sentence  Show what is wrong with the view, "" when nothing is. */
    say(sentence) {
      if (sentence === this.said) return;
      this.said = sentence;
      const { onMessage, messageId } = this.layer.options;
      if (onMessage) onMessage(sentence);
      if (messageId && of.dash()) of.dash().set_props(messageId, { children: sentence });
    }
  }

  /** @param {Response} response @returns {Promise<string>} The sentence of a refused request. */
  async function sentenceOf(response) {
    const text = await response.text();
    try {
      const body = JSON.parse(text);
      const fault = body.error || body.message || body.detail || text;
      return typeof fault === 'string' ? fault : fault.message || fault.sentence || JSON.stringify(fault);
    } catch {
      return text;
    }
  }

  Object.assign(of, { Beat, waitAfter, windowAround });
})(window.orderflow);
