"use strict";
// Draws each chart from the table behind it, and finds pages by name. Without this script every number is there.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, line] = ["--quiet", "--line"].map((name) => style.getPropertyValue(name).trim());
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { gridColor: line, domainColor: line, tickColor: line, labelColor: ink, titleColor: ink, titleFontWeight: "normal" },
      legend: { labelColor: ink },
    };
  };

  const rows = (table) =>
    [...table.querySelectorAll("tbody tr")].map((row) =>
      Object.fromEntries(
        [...row.querySelectorAll("td[data-field]")].map((cell) => {
          const { field, value } = cell.dataset;
          const number = cell.classList.contains("number");
          return [field, number ? (value === "" || value === "nan" ? null : Number(value)) : value];
        }),
      ),
    );

  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const values = rows(place.parentElement.querySelector("table"));
      const spec = structuredClone(window.CHARTS[place.dataset.chart]);
      const drawn = spec.data.flatMap((data) => data.transform ?? []).find(({ type }) => type === "fold").fields;
      if (!values.some((row) => drawn.some((field) => row[field] !== null))) continue;
      spec.data.find((data) => data.name === "table").values = values;
      window.vegaEmbed(place, spec, {
        mode: "vega", ast: true, actions: false, renderer: "canvas", defaultStyle: false, tooltip: false, config: look(),
      });
    }
  };

  const search = document.querySelector(".search");
  if (search) {
    search.hidden = false;
    const [input, list] = [search.querySelector("input"), search.querySelector("ul")];
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const found = wanted ? window.INDEX.filter(([name]) => name.toLowerCase().includes(wanted)).slice(0, 12) : [];
      list.replaceChildren(
        ...found.map(([name, page]) => {
          const link = document.createElement("a");
          link.textContent = name;
          link.href = search.dataset.top + page;
          const item = document.createElement("li");
          item.append(link);
          return item;
        }),
      );
    });
  }

  draw();
  dark.addEventListener("change", draw);
})();
