"use strict";
// Draws each chart from the table behind it, finds pages and rows by name, saves tables, and says how old the page
// is. Without this script every number is there.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const made = (name, words, parts = {}) => Object.assign(document.createElement(name), { textContent: words }, parts);

  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, line] = ["--quiet", "--line"].map((name) => style.getPropertyValue(name).trim());
    return {
      axis: { gridColor: line, domainColor: line, tickColor: line, labelColor: ink, titleColor: ink },
      legend: { labelColor: ink },
    };
  };

  const rows = (table) => {
    const fields = [...table.querySelectorAll("th[data-field]")].map((head) => head.dataset.field);
    return [...table.querySelectorAll("tbody tr")].map((row) =>
      Object.fromEntries(
        [...row.cells].map((cell, place) => {
          const said = cell.dataset.value ?? cell.textContent;
          const number = Number(said);
          return [fields[place], cell.classList.contains("number") ? (Number.isFinite(number) ? number : null) : said];
        }),
      ),
    );
  };

  // A line of the tip for each thing that the chart says of the place under the pointer. Names stay text.
  const tip = made("div", "", { className: "tip", hidden: true });
  const tell = (_, event, __, said) => {
    tip.hidden = !said;
    if (!said) return;
    tip.replaceChildren(...Object.entries(said).map(([what, value]) => made("div", `${what}: ${value}`)));
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 10)}px`;
  };

  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const values = rows(place.parentElement.querySelector("table"));
      const spec = structuredClone(window.CHARTS[place.dataset.chart]);
      const drawn = spec.data.flatMap((data) => data.transform ?? []).find(({ type }) => type === "fold").fields;
      if (!values.some((row) => drawn.some((field) => row[field] !== null))) continue;
      spec.data.find((data) => data.name === "table").values = values;
      for (const legend of spec.legends) legend.columns = Math.max(1, Math.floor(place.parentElement.clientWidth / 190));
      window.vegaEmbed(place, spec, {
        mode: "vega", ast: true, actions: false, renderer: "canvas", defaultStyle: false, tooltip: tell, config: look(),
      });
    }
  };

  // Letters alone, without accents and marks, in lower case: "cafe" finds "Café".
  const plain = (words) => String(words ?? "").normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const search = document.querySelector(".search");
  if (search && window.INDEX) {
    search.hidden = false;
    const [input, list] = [search.querySelector("input"), search.querySelector("ul")];
    input.addEventListener("input", () => {
      const wanted = plain(input.value.trim());
      const found = window.INDEX.filter(([name]) => wanted && plain(name).includes(wanted)).slice(0, 12);
      list.replaceChildren(
        ...found.map(([name, page]) => {
          const item = made("li", "");
          item.append(made("a", "", { href: search.dataset.top + page }));
          item.firstChild.append(made("bdi", name));
          return item;
        }),
        ...(wanted && !found.length ? [made("li", "Nothing found", { className: "none" })] : []),
      );
    });
  }

  // What a metric means, as the glossary says it.
  for (const link of document.querySelectorAll("td a[href*='glossary.html#']")) {
    link.title = window.MEANINGS?.[link.hash.slice(1)] ?? "";
  }

  // The rows of a long table that say what is wanted, and the headings that still have rows.
  for (const section of document.querySelectorAll("[data-long]")) {
    const input = made("input", "", { type: "search", autocomplete: "off" });
    const label = made("label", "Show only rows with ", { className: "only" });
    label.append(input);
    section.querySelector(".wide").before(label);
    input.addEventListener("input", () => {
      const wanted = plain(input.value.trim());
      let heading = null;
      for (const row of section.querySelectorAll("tbody tr")) {
        if (row.querySelector(".part")) {
          heading = row;
          heading.hidden = true;
        } else {
          row.hidden = !plain(row.textContent).includes(wanted) && !plain(heading?.textContent).includes(wanted);
          if (heading && !row.hidden) heading.hidden = false;
        }
      }
    });
  }

  // A table as a file: its cells as they are shown. A text that a spreadsheet would take for a formula is marked.
  const quoted = (words) => `"${words.replaceAll('"', '""')}"`;
  const field = (cell) => {
    const words = cell.textContent.trim();
    return quoted(!cell.classList.contains("number") && /^[=+\-@\t\r]/.test(words) ? `'${words}` : words);
  };
  const saved = (table) => {
    const grouped = table.querySelector(".part");
    let part = "";
    const lines = [];
    for (const row of table.rows) {
      const cells = [...row.cells];
      if (cells[0].classList.contains("part")) part = field(cells[0]);
      else lines.push([...(grouped ? [lines.length ? part : quoted("section")] : []), ...cells.map(field)].join(","));
    }
    return `\ufeff${lines.join("\r\n")}\r\n`;
  };
  for (const wide of document.querySelectorAll(".wide")) {
    const button = made("button", "Save as CSV", { type: "button", className: "save" });
    button.addEventListener("click", () => {
      const address = URL.createObjectURL(new Blob([saved(wide.querySelector("table"))], { type: "text/csv" }));
      const name = plain(`${document.title.split(" · ")[0]} ${wide.getAttribute("aria-label")}`);
      made("a", "", { href: address, download: `${name.replace(/[^a-z0-9]+/g, "-")}.csv` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    });
    wide.after(button);
  }

  const stamp = document.querySelector(".stamp");
  const hours = (Date.now() - Date.parse(`${stamp.dataset.built.replace(" ", "T")}Z`)) / 3600000;
  if ("keptUp" in stamp.dataset && hours > 36) {
    const days = Math.max(2, Math.round(hours / 24));
    const why = stamp.dataset.keptUp === "internal" ? "; `warehouse status` says why" : "";
    stamp.append(made("b", ` Written ${days} days ago${why}.`));
  }

  document.body.append(tip);
  draw();
  dark.addEventListener("change", draw);
})();
