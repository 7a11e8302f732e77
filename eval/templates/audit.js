"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const rows = read("rows"), sources = read("sources");
  const PAGE = 100, ERROR_FROM = 0.5;
  const controls = Object.fromEntries(["search", "verdict", "kind", "order"].map((id) => [id, document.getElementById(id)]));
  const list = document.getElementById("list"), more = document.getElementById("more"), status = document.getElementById("shown");
  let found = [], visible = PAGE;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const surest = (row) => Math.max(0, ...row.findings.map((f) => f[5]));
  const fold = (text) => String(text).toLowerCase();
  rows.forEach((row, n) => {
    row.n = n;
    row.text = fold([row.title, row.ad, row.id, row.label || "", ...row.findings.map((f) => f[3])].join("\n"));
  });
  const orders = {
    file: (a, b) => a.n - b.n,
    score: (a, b) => surest(b) - surest(a) || a.n - b.n,
    doubt: (a, b) => Math.abs(surest(a) - ERROR_FROM) - Math.abs(surest(b) - ERROR_FROM) || a.n - b.n,
    ad: (a, b) => String(a.ad).localeCompare(String(b.ad)) || a.n - b.n,
    title: (a, b) => a.title.localeCompare(b.title) || a.n - b.n,
    length: (a, b) => b.title.length - a.title.length || a.n - b.n,
  };

  // The title with the findings' spans marked; spans count code points.
  const words = (row) => {
    const line = make("p", "words"), letters = Array.from(row.title), marks = new Array(letters.length).fill(0);
    for (const [, start, end, , , score] of row.findings)
      for (let n = start; n < Math.min(end, letters.length); n++) marks[n] = Math.max(marks[n], score >= ERROR_FROM ? 2 : 1);
    for (let start = 0; start < letters.length; ) {
      let end = start;
      while (end < letters.length && marks[end] === marks[start]) end++;
      const text = letters.slice(start, end).join("");
      line.append(marks[start] ? make("mark", marks[start] === 1 ? "mild" : "", text) : text);
      start = end;
    }
    return line;
  };
  const marked = (text, parts) => {
    const line = make("dd"), hits = parts.map((p) => [text.indexOf(p), p]).filter(([at]) => at >= 0).sort((a, b) => a[0] - b[0]);
    let at = 0;
    for (const [start, part] of hits) {
      if (start < at) continue;
      line.append(text.slice(at, start), make("mark", "", part));
      at = start + part.length;
    }
    line.append(text.slice(at));
    return line;
  };
  const source = (row) => {
    const box = make("details"), fields = make("dl");
    box.append(make("summary", "", "The ad"));
    box.addEventListener("toggle", () => {
      if (fields.childElementCount) return;
      for (const [name, text] of sources[row.ad] || [])
        fields.append(make("dt", "", name), marked(text, row.findings.filter((f) => f[4] === name && f[3]).map((f) => f[3])));
    });
    box.append(fields);
    return box;
  };
  const card = (row) => {
    const box = make("article", "row"), about = make("p", "about");
    about.append(make("span", "verdict " + row.verdict, row.verdict));
    if (row.state === "missed" || row.state === "false alarm") about.append(make("span", "mistake", row.state));
    if (row.label) about.append(make("span", "", "label: " + row.label));
    about.append(make("span", "", "ad " + row.ad), make("span", "", row.id));
    if (row.cluster !== null && row.cluster !== undefined) about.append(make("span", "", "cluster " + row.cluster));
    box.append(words(row), about);
    if (row.findings.length) {
      const lines = make("ul");
      for (const [kind, start, end, evidence, field, score] of row.findings) {
        const line = make("li"), claim = Array.from(row.title).slice(start, end).join(""), text = make("span");
        line.append(make("b", "", kind.replace("_", " ") + (score < ERROR_FROM ? " (harmless)" : "")));
        text.append(`“${claim}” `);
        if (evidence) text.append(make("q", "", evidence), " ");
        else text.append(make("span", "at", "nothing in the ad "));
        text.append(make("span", "at", (field ? field + " · " : "") + score.toFixed(2)));
        line.append(text);
        lines.append(line);
      }
      box.append(lines);
    }
    box.append(source(row));
    return box;
  };
  const draw = (from) => {
    if (!from) list.replaceChildren();
    const part = document.createDocumentFragment();
    found.slice(from, visible).forEach((row) => part.append(card(row)));
    list.append(part);
    if (!found.length) list.append(make("p", "none", "No title fits."));
    more.hidden = visible >= found.length;
    status.textContent = `${found.length.toLocaleString()} of ${rows.length.toLocaleString()} titles`;
  };
  const choose = () => {
    const wanted = fold(controls.search.value.trim()), verdict = controls.verdict.value, kind = controls.kind.value;
    found = rows.filter((row) => (!verdict || row.verdict === verdict || row.state === verdict)
      && (!kind || row.findings.some((f) => f[0] === kind && f[5] >= ERROR_FROM)) && (!wanted || row.text.includes(wanted)));
    found.sort(orders[controls.order.value]);
    visible = PAGE;
    draw(0);
  };
  for (const control of Object.values(controls)) control.addEventListener("input", choose);
  more.addEventListener("click", () => { const from = visible; visible += PAGE; draw(from); });
  choose();
})();
