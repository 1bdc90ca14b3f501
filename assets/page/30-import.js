/*
 * Importing a file from the page: it is sent as it is, shown with the columns that were found, and
 * imported in the background of the server, whose progress is asked for until it has ended.
 *
 * The dialog is made here from Bootstrap's classes and stands outside of what Dash draws.
 */

(function () {
  'use strict';

  const URL = '/api/v1/imports';
  const ASK_MS = 300;
  const MB = 1 << 20;

  const COLUMNS = [
    ['time', 'Time'], ['price', 'Price'], ['size', 'Size'], ['side', 'Side'],
    ['maker', 'Buyer is maker'], ['bid', 'Bid'], ['ask', 'Ask'], ['id', 'Id'],
  ];
  const CALENDARS = [['', 'By the hours'], ['nse-fo', 'NSE F&O'], ['nse-cm', 'NSE cash'], ['24x7', 'Round the clock']];
  const TICK = [['tick_size', 'Tick size', 'from the prices']];
  const OLD = [['interval', 'Bar length', 'from the bars, or 5m'], ['level_size', 'Row size', 'from the levels, or 2']];

  /** Make an element with attributes and children. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false) element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children);
    return element;
  }

  /** A labelled field of the form. */
  function field(name, label, control) {
    control.setAttribute('name', name);
    control.id = `import-${name}`;
    return make('div', { class: 'import-field' }, make('label', { for: control.id, class: 'control-label' }, label), control);
  }

  function text(name, label, placeholder, value = '') {
    return field(name, label, make('input', { class: 'form-control form-control-sm', placeholder, value, maxlength: 200, autocomplete: 'off' }));
  }

  function choice(name, label, options, value = '') {
    const control = make('select', { class: 'form-select form-select-sm' });
    for (const [word, shown] of options) control.append(make('option', { value: word, selected: word === value }, shown));
    return field(name, label, control);
  }

  function tick(name, label) {
    const control = make('input', { type: 'checkbox', class: 'form-check-input', name, id: `import-${name}` });
    return make('div', { class: 'form-check' }, control, make('label', { class: 'form-check-label', for: control.id }, label));
  }

  /** The sentence of a refused request. */
  function sentenceOf(status, body) {
    try {
      return JSON.parse(body).error || `The dashboard answered ${status}.`;
    } catch {
      return `The dashboard answered ${status}.`;
    }
  }

  /** What is wrong, beside the card; "" when nothing is. */
  function tell(sentence) {
    const place = document.getElementById('import-fault');
    if (place) place.textContent = sentence;
  }

  /** One file on its way: sending, choosing, importing. */
  class Import {
    constructor(file, limit) {
      this.file = file;
      this.bar = make('div', { class: 'progress-bar', style: 'width: 0%' });
      this.doing = make('div', { class: 'import-doing', role: 'status' });
      this.progress = make('div', { class: 'progress', role: 'progressbar', 'aria-label': 'Progress' }, this.bar);
      this.body = make('div', { class: 'import-body' });
      this.said = make('div', { class: 'import-said', role: 'alert' });
      this.begin = make('button', { type: 'submit', class: 'btn btn-sm btn-primary', id: 'import-begin', hidden: true }, 'Import');
      this.leave = make('button', { type: 'button', class: 'btn btn-sm btn-secondary', id: 'import-leave' }, 'Cancel');
      this.form = make('form', { method: 'dialog' }, make('h2', {}, `Import ${file.name}`), this.body, this.said, this.doing, this.progress,
        make('div', { class: 'import-buttons' }, this.leave, this.begin));
      this.dialog = make('dialog', { class: 'import-dialog', id: 'import-dialog' }, this.form);
      this.form.addEventListener('submit', (event) => { event.preventDefault(); this.start(); });
      this.leave.addEventListener('click', () => this.close());
      this.dialog.addEventListener('cancel', (event) => { event.preventDefault(); this.close(); });
      tell('');
      if (file.size > limit) {
        tell(`${file.name} has more than the ${Math.floor(limit / MB)} MB that a page may send; import it with python -m dashboard import.`);
        return;
      }
      document.body.append(this.dialog);
      this.dialog.showModal();
      this.send();
    }

    /** Show how far something is; a share of null is "nobody knows". */
    show(doing, share) {
      this.doing.textContent = doing;
      this.progress.hidden = doing === '';
      this.bar.className = `progress-bar${share === null ? ' progress-bar-striped progress-bar-animated' : ''}`;
      this.bar.style.width = share === null ? '100%' : `${Math.round(share * 100)}%`;
    }

    say(sentences, good = false) {
      this.said.className = sentences.length ? `import-said alert ${good ? 'alert-success' : 'alert-danger'}` : 'import-said';
      this.said.replaceChildren(...sentences.map((sentence) => make('div', {}, sentence)));
    }

    /** Send the file; nothing of it is held in memory here. */
    send() {
      const request = new XMLHttpRequest();
      this.request = request;
      this.show('Sending …', 0);
      request.upload.onprogress = ({ loaded, total }) => this.show(`Sending ${Math.floor(loaded / MB)} of ${Math.ceil(total / MB)} MB`, loaded / total);
      request.upload.onload = () => this.show('Reading …', null);
      request.onload = () => {
        if (request.status === 201) this.choose(JSON.parse(request.responseText));
        else this.fail(sentenceOf(request.status, request.responseText));
      };
      request.onerror = () => this.fail('The file could not be sent: the dashboard does not answer.');
      request.open('POST', `${URL}?name=${encodeURIComponent(this.file.name)}`);
      request.send(this.file);
    }

    /** The file cannot be used at all. */
    fail(sentence) {
      tell(sentence);
      this.remove();
    }

    /** Show what is in the file and ask how it is to be read. */
    choose(sent) {
      this.sent = sent;
      this.show('', 0);
      const symbol = sent.name.replace(/\.(csv|txt|gz|zip|db|sqlite)/gi, '').replace(/[^\w.&-]+/g, '-').toUpperCase();
      const trades = sent.kind === 'trades';
      const lot = text('lot_size', 'Lot size', trades ? '1' : '75, or LOTSIZE');
      const fields = [text('symbol', 'Symbol', 'NIFTY-FUT', symbol), choice('calendar', 'Calendar', trades ? CALENDARS : CALENDARS.slice(1)), lot];
      for (const row of trades ? TICK : OLD) fields.push(text(...row));
      if (sent.tokens.length > 1) fields.push(choice('token', 'Instrument', sent.tokens.map((token) => [token, token])));
      const names = [['', '–'], ...sent.header.map((name) => [name, name])];
      const mapping = trades ? COLUMNS.map(([name, label]) => choice(`column-${name}`, label, names, sent.mapping[name] || '')) : [];
      const switches = [...(trades ? [tick('skip_bad_rows', 'Leave out rows that cannot be read')] : []), tick('replace_sessions', 'Replace stored sessions')];
      this.body.replaceChildren(
        this.table(sent),
        ...(trades ? [make('h3', {}, 'Columns'), make('div', { class: 'import-fields' }, ...mapping)] : []),
        make('h3', {}, 'Instrument'),
        make('div', { class: 'import-fields' }, ...fields),
        ...switches,
      );
      this.begin.hidden = false;
      this.form.querySelector('#import-symbol').focus();
    }

    /** The first rows of the file. */
    table({ header, rows }) {
      const line = (cells, tag) => make('tr', {}, ...cells.map((cell) => make(tag, {}, cell)));
      return make('div', { class: 'import-table' }, make('table', { class: 'table table-sm' },
        make('thead', {}, line(header, 'th')), make('tbody', {}, ...rows.map((row) => line(row, 'td')))));
    }

    /** What was chosen, as the server wants it. */
    choices() {
      const chosen = { columns: {} };
      for (const { name, value, type, checked } of this.form.elements) {
        if (!name) continue;
        if (name.startsWith('column-')) chosen.columns[name.slice(7)] = value;
        else chosen[name] = type === 'checkbox' ? checked : value;
      }
      return chosen;
    }

    /** Begin the import. */
    async start() {
      this.say([]);
      this.lock(true);
      this.show('Reading and checking …', null);
      try {
        const headers = { 'Content-Type': 'application/json' };
        const answer = await fetch(`${URL}/${this.sent.id}`, { method: 'POST', headers, body: JSON.stringify(this.choices()) });
        if (!answer.ok) this.refuse([sentenceOf(answer.status, await answer.text())]);
        else this.follow();
      } catch {
        this.refuse(['The dashboard does not answer.']);
      }
    }

    /** Ask how far it is, until it has ended; a question that fails is asked again. */
    async follow() {
      let state = 'running';
      try {
        const answer = await fetch(`${URL}/${this.sent.id}`, { cache: 'no-store' });
        const found = await answer.json();
        if (!answer.ok) { this.refuse([found.error]); return; }
        ({ state } = found);
        if (state === 'running' && found.total) this.show(`Storing ${found.done.toLocaleString()} of ${found.total.toLocaleString()} rows`, found.done / found.total);
        if (state === 'failed') this.refuse(found.sentences);
        if (state === 'done') this.finish(found.sentences);
      } catch {
        this.show('The dashboard does not answer; asking again …', null);
      }
      if (state === 'running' && this.dialog.isConnected) setTimeout(() => this.follow(), ASK_MS);
    }

    /** It did not work: what is wrong stands there, and the choices can be changed. */
    refuse(sentences) {
      this.lock(false);
      this.show('', 0);
      this.say(sentences);
      tell(sentences.join(' '));
    }

    finish(sentences) {
      const { symbol } = this.choices();
      this.show('', 0);
      this.say(sentences, true);
      tell('');
      this.running = false;
      this.leave.disabled = false;
      this.leave.textContent = 'Close';
      const query = new URLSearchParams({ symbol: symbol.trim() });
      this.begin.replaceWith(make('a', { class: 'btn btn-sm btn-primary', id: 'import-open', href: `/history?${query}` }, 'Open it'));
    }

    /** Let nothing be changed while it is imported. */
    lock(locked) {
      for (const element of this.form.elements) element.disabled = locked && element !== this.leave;
      this.leave.textContent = locked ? 'Go on in the background' : 'Cancel';
      this.running = locked;
    }

    /** Leave; what is being imported goes on. */
    close() {
      if (this.request && this.request.readyState !== 4) this.request.abort();
      if (this.sent && !this.running) fetch(`${URL}/${this.sent.id}`, { method: 'DELETE' }).catch(() => {});
      this.remove();
    }

    remove() {
      this.dialog.close();
      this.dialog.remove();
    }
  }

  /** Begin with a file, where the card says how large it may be. */
  function take(file) {
    const zone = document.querySelector('.drop-zone');
    if (file && zone && !document.getElementById('import-dialog')) new Import(file, Number(zone.dataset.limit));
  }

  document.addEventListener('click', (event) => {
    if (!event.target.closest || !event.target.closest('#import')) return;
    const input = make('input', { type: 'file', id: 'import-file', hidden: true });
    input.addEventListener('change', () => { take(input.files[0]); input.remove(); });
    document.getElementById('import-file')?.remove();
    document.body.append(input);
    input.click();
  });

  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(kind, (event) => {
      const zone = event.target.closest && event.target.closest('.drop-zone');
      const files = event.dataTransfer && [...event.dataTransfer.types].includes('Files');
      if (!files) return;
      event.preventDefault(); // a file that misses the card must not replace the page
      document.querySelector('.drop-zone')?.classList.toggle('over', Boolean(zone) && (kind === 'dragenter' || kind === 'dragover'));
      if (kind === 'drop' && zone) take(event.dataTransfer.files[0]);
    });
  }
})();
