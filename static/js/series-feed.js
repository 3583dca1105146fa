// Asks for series, all that charts want at one moment in one request.
const MAX_NAMES = 50;

export class SeriesFeed {
  constructor(url) {
    this.url = url;
    this.waiting = new Map();
  }

  // wish: {name, query, have}; what `query` names is the same for all in one request.
  get({ name, query, have = "" }) {
    const key = `${query}&${have ? "tail" : "whole"}`;
    return new Promise((resolve, reject) => {
      if (!this.waiting.size) queueMicrotask(() => this.send()); // a timer would wait for a paint
      if (!this.waiting.has(key)) this.waiting.set(key, []);
      this.waiting.get(key).push({ name, query, have, resolve, reject });
    });
  }

  send() {
    const groups = [...this.waiting.values()];
    this.waiting.clear();
    for (const group of groups) {
      for (let at = 0; at < group.length; at += MAX_NAMES) this.ask(group.slice(at, at + MAX_NAMES));
    }
  }

  async ask(wishes) {
    const query = new URLSearchParams(wishes[0].query);
    for (const { name, have } of wishes) {
      query.append("keys", name);
      if (have) query.append("have", have);
    }
    try {
      const answer = await fetch(`${this.url}?${query}`);
      if (!answer.ok) throw new Error(`The studio answered ${answer.status}.`);
      const { series, origin } = await answer.json();
      wishes.forEach(({ name, resolve }) => resolve({ ...series[name], origin }));
    } catch (error) {
      wishes.forEach(({ reject }) => reject(error));
    }
  }
}
