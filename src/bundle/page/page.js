"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const FOUND_AT_ONCE = 40;
  const BUILT_AT_ONCE = 400;
  const byId = (id) => document.getElementById(id);
  const later = window.requestIdleCallback || ((task) => setTimeout(task, 1));

  // Words are compared without case and without marks.
  const plain = /^[\x00-\x7f]*$/;
  const fold = (text) =>
    plain.test(text) ? text.toLowerCase() : text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  document.addEventListener("DOMContentLoaded", () => {
    const articles = [...document.querySelectorAll("article")];
    const title = document.title;
    let shown = null;
    let current = null;

    // --- One person at a time -------------------------------------------------------------------------------------

    // A text in a person who is not shown is still found by the browser's own search.
    const hide = (article) => {
      article.classList.remove("shown");
      article.setAttribute("hidden", "until-found");
    };
    const reveal = (article) => {
      article.classList.add("shown");
      article.removeAttribute("hidden");
    };
    articles.forEach(hide);

    const show = (article) => {
      if (article === shown) return;
      if (shown) hide(shown);
      if (current) current.removeAttribute("aria-current");
      shown = article;
      current = article && document.querySelector(`#list a[href="#${article.id}"]`);
      root.classList.toggle("one", Boolean(article));
      if (article) reveal(article);
      if (current) {
        current.setAttribute("aria-current", "page");
        current.parentElement.scrollIntoView({ block: "nearest" });
      }
      document.title = article ? `${article.querySelector("h2").textContent} · ${title}` : title;
    };

    const follow = (moved) => {
      const target = location.hash.length > 1 ? byId(location.hash.slice(1)) : null;
      const article = target ? target.closest("article") : null;
      show(article);
      if (!target) return;
      if (article && target === article) {
        scrollTo(0, 0);
        if (moved) article.querySelector("h2").focus({ preventScroll: true });
      } else if (target.id === "top") {
        scrollTo(0, 0);
      } else {
        target.scrollIntoView({ block: article ? "center" : "start" });
        if (article && moved) focusOn(target);
      }
    };
    const focusOn = (element) => {
      element.setAttribute("tabindex", "-1");
      element.focus({ preventScroll: true });
    };
    addEventListener("hashchange", () => follow(true));
    document.addEventListener("beforematch", (event) => {
      const article = event.target.closest("article");
      if (article) show(article);
    });

    // --- The index of people and notes ----------------------------------------------------------------------------

    const people = [...document.querySelectorAll("#list > li")].map((line, at) => ({
      line,
      link: line.querySelector("a"),
      name: fold(line.querySelector("a").textContent),
      owners: (line.dataset.owners || "none").split(" "),
      tags: (line.dataset.tags || "").split(" "),
      article: articles[at],
      text: null,
    }));
    const lines = [...document.querySelectorAll(".note[id]")];
    const notes = [];

    const index = (upTo) => {
      while (notes.length < Math.min(upTo, lines.length)) {
        const line = lines[notes.length];
        const day = line.firstElementChild.getAttribute("datetime");
        notes.push({ line, day, text: fold(line.lastElementChild.textContent), insight: line.classList.contains("insight") });
      }
    };
    const build = () => {
      index(notes.length + BUILT_AT_ONCE);
      if (notes.length < lines.length) later(build);
      else people.forEach(known);
    };
    // All that the brief of a person says, so that an address or a fact finds them.
    const known = (person) =>
      person.text ?? (person.text = fold(person.article.querySelector(".brief").textContent));

    // --- Searching ------------------------------------------------------------------------------------------------

    const [words, status, list, found] = ["words", "status", "list", "found"].map(byId);
    const [owner, tag] = ["owner", "tag"].map(byId);
    const further = document.querySelector(".further");
    let matches = [];
    let written = 0;

    const count = (number, one, several) => `${number.toLocaleString("en")} ${number === 1 ? one : several}`;

    const find = (asked) => {
      index(Infinity);
      const all = (text) => asked.every((word) => text.includes(word));
      const rank = (person) => {
        if (asked.every((word) => ` ${person.name}`.includes(` ${word}`))) return 0;
        if (all(person.name)) return 1;
        return all(known(person)) ? 2 : 3;
      };
      const ranked = people.map((person) => ({ person, rank: rank(person) })).filter((match) => match.rank < 3);
      ranked.sort((a, b) => a.rank - b.rank);
      const told = notes.filter((note) => all(note.text));
      told.sort((a, b) => b.insight - a.insight || (a.day < b.day ? 1 : a.day > b.day ? -1 : 0));
      const named = ranked.filter((match) => match.rank < 2);
      const described = ranked.filter((match) => match.rank === 2);
      const counts = [count(ranked.length, "person", "people"), count(told.length, "note", "notes")];
      return { matches: [...named, ...told.map((note) => ({ note })), ...described], counts };
    };

    // Adds a text with the words that were asked for marked, from shortly before the first of them.
    const excerpt = (into, text, asked) => {
      const [folded, origins] = unfolded(text);
      const first = Math.min(...asked.map((word) => folded.indexOf(word)).filter((at) => at >= 0));
      const start = Number.isFinite(first) ? Math.max(0, origins[first] - 50) : 0;
      let at = start;
      if (start > 0) into.append("… ");
      const end = Math.min(text.length, start + 180);
      for (const [from, to] of places(folded, asked)) {
        const [begin, finish] = [origins[from], origins[to] ?? text.length];
        if (begin < at || finish > end) continue;
        const mark = document.createElement("mark");
        mark.textContent = text.slice(begin, finish);
        into.append(text.slice(at, begin), mark);
        at = finish;
      }
      into.append(text.slice(at, end), end < text.length ? " …" : "");
    };
    const places = (folded, asked) => {
      const all = [];
      for (const word of asked) {
        for (let at = folded.indexOf(word); at >= 0 && all.length < 100; at = folded.indexOf(word, at + word.length)) {
          all.push([at, at + word.length]);
        }
      }
      return all.sort((a, b) => a[0] - b[0]);
    };
    // A text folded, and where each of its letters stood before.
    const unfolded = (text) => {
      const origins = [];
      let folded = "";
      let at = 0;
      for (const letter of text.slice(0, 100000)) {
        const plainly = fold(letter);
        for (let i = 0; i < plainly.length; i++) origins.push(at);
        folded += plainly;
        at += letter.length;
      }
      return [folded, origins];
    };

    const element = (name, text, into) => {
      const made = document.createElement(name);
      made.textContent = text;
      made.setAttribute("dir", "auto");
      into.append(made);
      return made;
    };
    const line = ({ person, note }, asked) => {
      const made = document.createElement("li");
      const article = note ? note.line.closest("article") : person.article;
      const link = element("a", article.querySelector("h2").textContent, made);
      link.href = `#${note ? note.line.id : article.id}`;
      if (note) {
        made.append(" ");
        const time = note.line.firstElementChild;
        element("time", `${time.textContent} ${note.day.slice(0, 4)}`, made).setAttribute("datetime", note.day);
        const text = element("span", "", made);
        text.className = "text";
        excerpt(text, note.line.querySelector(".said").textContent, asked);
      } else {
        element("span", person.line.querySelector(".by").textContent, made).className = "by";
      }
      return made;
    };

    const asked = () => fold(words.value).split(/\s+/).filter(Boolean);
    const write = () => {
      const next = matches.slice(written, written + FOUND_AT_ONCE);
      const now = asked();
      found.append(...next.map((match) => line(match, now)));
      written += next.length;
      further.hidden = written >= matches.length;
    };
    const search = () => {
      const now = asked();
      root.classList.toggle("finding", now.length > 0);
      found.hidden = now.length === 0;
      found.replaceChildren();
      further.hidden = true;
      matches = [];
      written = 0;
      if (now.length === 0) return filter();
      const result = find(now);
      matches = result.matches;
      status.textContent = matches.length ? result.counts.join(", ") : "Nothing found. Try fewer or shorter words.";
      write();
      found.scrollTop = 0;
    };
    const filter = () => {
      const [by, tagged] = [owner, tag].map((choice) => (choice ? choice.value : ""));
      let left = 0;
      for (const person of people) {
        const fits = (!by || person.owners.includes(by)) && (!tagged || person.tags.includes(tagged));
        if (person.line.hidden === fits) person.line.hidden = !fits;
        left += fits;
      }
      const all = count(people.length, "person", "people");
      status.textContent = by || tagged ? `${left.toLocaleString("en")} of ${all}` : all;
    };
    words.addEventListener("input", search);
    [owner, tag].forEach((choice) => choice && choice.addEventListener("change", filter));
    further.firstElementChild.addEventListener("click", () => {
      const at = written;
      write();
      found.children[at]?.querySelector("a").focus();
    });

    // --- Keys -----------------------------------------------------------------------------------------------------

    const links = () => {
      const lines = [...(found.hidden ? list : found).children];
      return lines.filter((line) => !line.hidden).map((line) => line.querySelector("a"));
    };
    const step = (event) => {
      const all = links();
      const at = all.indexOf(document.activeElement);
      const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: at < 0 ? null : 0, End: at < 0 ? null : all.length - 1 };
      const to = places[event.key];
      if (to === null || to === undefined || all.length === 0) return;
      event.preventDefault();
      const aim = to < 0 ? words : all[Math.min(to, all.length - 1)];
      aim.focus();
    };
    byId("people").addEventListener("keydown", (event) => {
      if (event.target === words || event.target.closest("#list, #found")) step(event);
      if (event.key === "Enter" && event.target === words && words.value.trim()) links()[0]?.click();
      if (event.key === "Escape" && (words.value || event.target !== words)) {
        event.preventDefault();
        words.value = "";
        search();
        words.focus();
      }
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, select, textarea");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      // On a narrow screen the list steps aside for a person.
      if (byId("people").getClientRects().length === 0) location.hash = "#people";
      if (byId("people").getClientRects().length === 0) show(null);
      words.focus();
      words.select();
    });

    // --- Paper ----------------------------------------------------------------------------------------------------

    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-print]");
      if (!button) return;
      if (button.dataset.print === "all") {
        root.classList.add("all");
        articles.forEach((article) => article.removeAttribute("hidden"));
      }
      print();
    });
    addEventListener("afterprint", () => {
      if (!root.classList.contains("all")) return;
      root.classList.remove("all");
      articles.filter((article) => article !== shown).forEach(hide);
    });

    filter();
    follow(false);
    performance.mark("usable");
    later(build);
  });
})();
