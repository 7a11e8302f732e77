"use strict";
(() => {
  const STEP = 12;
  const byId = (id) => document.getElementById(id);
  for (const time of document.querySelectorAll("time[data-unix]")) {
    const made = new Date(1000 * Number(time.dataset.unix));
    time.dateTime = made.toISOString();
    time.textContent = made.toLocaleDateString(undefined, { dateStyle: "long" });
  }

  const find = byId("find"), cluster = byId("cluster"), several = byId("several");
  if (find) {
    find.closest(".tools").hidden = false;
    const ads = Array.from(document.querySelectorAll(".ad"), (node) => ({
      node, variants: Number(node.dataset.variants),
      head: node.firstElementChild.textContent.toLowerCase(),
      lines: Array.from(node.querySelectorAll("li"), (line) => ({
        line, clusters: line.dataset.clusters.split(" "), text: line.textContent.toLowerCase(),
      })),
    }));
    let limit = STEP;
    const apply = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let fitting = 0, titles = 0;
      for (const ad of ads) {
        let open = 0;
        for (const { line, clusters, text } of ad.lines) {
          const fits = (!cluster.value || clusters.includes(cluster.value)) && words.every((word) => text.includes(word) || ad.head.includes(word));
          line.hidden = !fits;
          open += fits ? 1 : 0;
        }
        const fits = open > 0 && !(several.checked && ad.variants < 2);
        fitting += fits ? 1 : 0;
        titles += fits ? open : 0;
        ad.node.hidden = !fits || fitting > limit;
      }
      byId("shown").textContent = `${titles.toLocaleString()} different titles, ${fitting.toLocaleString()} ads`;
      byId("nothing").hidden = fitting > 0;
      byId("more").hidden = fitting <= limit;
    };
    const restart = () => { limit = STEP; apply(); };
    find.addEventListener("input", restart);
    cluster.addEventListener("change", restart);
    several.addEventListener("change", restart);
    byId("more").addEventListener("click", () => { limit += 4 * STEP; apply(); });
    for (const button of document.querySelectorAll("[data-pick]")) {
      button.addEventListener("click", () => {
        cluster.value = button.dataset.pick;
        find.value = "";
        restart();
        byId("titles").scrollIntoView();
      });
    }
    apply();
  }

  const map = byId("map");
  if (map) {
    const light = (id) => {
      map.classList.toggle("lit", id !== null);
      for (const group of map.querySelectorAll(".users")) group.classList.toggle("on", group.dataset.cluster === id);
    };
    for (const link of document.querySelectorAll("[data-light]")) {
      for (const on of ["mouseenter", "focus"]) link.addEventListener(on, () => light(link.dataset.light));
      for (const off of ["mouseleave", "blur"]) link.addEventListener(off, () => light(null));
    }
  }
})();
