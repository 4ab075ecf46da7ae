"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.getElementById("browser");
  const form = root.querySelector("form");
  const fields = form.elements;
  const list = root.querySelector(".problems");
  const about = root.querySelector(".about");
  const verdicts = { r: ["✓", "right"], w: ["✗", "wrong"], e: ["–", "errored"] };

  // Text is only ever put into text nodes, so that the browser never parses it as markup.
  const element = (name, kind, ...children) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const text = (index) => (index === null ? "" : data.texts[index]);
  const number = (value, digits) => value.toFixed(digits).replace("-", "−");
  const tokens = (count) => `${count} ${count === 1 ? "token" : "tokens"}`;
  const figure = (name, value, digits) => (value === null ? null : element("span", "", `${name} ${number(value, digits)}`));

  const options = (select, names) => {
    select.replaceChildren(...names.map(([value, name]) => {
      const option = element("option", "", name);
      option.value = value;
      return option;
    }));
  };
  const benchmark = () => data.benchmarks[fields.benchmark.value] ?? data.benchmarks[0];

  const step = (found, at) => {
    const [author, committed, other, draftScore, targetScore, estimate, draftTokens, targetTokens, seconds, error, drafts] = found;
    const gain = draftScore === null || targetScore === null ? null : targetScore - draftScore;
    const who = author ? "target" : "draft";
    const decision = error !== null ? "escalated, because the router failed" : !author ? "accepted" : draftTokens === null ? "not drafted" : "escalated";
    const count = author ? targetTokens : draftTokens;
    const item = element("li", `step ${who}`,
      element("div", "figures-of-step",
        element("span", "who", `${at + 1} · ${who}`), element("span", "", decision),
        figure("draft’s score", draftScore, 3), figure("target’s score", targetScore, 3), figure("Δ", gain, 3), figure("estimate", estimate, 3),
        count === null ? null : element("span", "", tokens(count)),
        element("span", "", `${number(seconds, seconds < 1 ? 3 : 2)} s`)),
      element("div", "raw", text(committed).trimEnd()));
    if (other !== null) {
      const title = author ? "The rejected draft" : "The step of the target, not used";
      const rest = author ? draftTokens : targetTokens;
      item.append(element("details", "", element("summary", "", `${title} (${tokens(rest)})`), element("div", "raw", text(other).trimEnd())));
    }
    if (drafts.length > 0) {
      const shown = drafts.map(([draft, value, isChosen], number) => element("div", "",
        element("div", "figures-of-step", element("span", "", `draft ${number + 1}`), figure("value", value, 3), isChosen ? element("span", "", "chosen") : null),
        element("div", "raw", text(draft).trimEnd())));
      item.append(element("details", "", element("summary", "", `The ${drafts.length} drafts that it was chosen from`), ...shown));
    }
    if (error !== null) item.append(element("div", "raw e", text(error)));
    return item;
  };

  const solution = (run) => {
    const [mark, word] = verdicts[run.verdict];
    const header = element("p", "about",
      element("span", run.verdict, `${mark} ${word}`), ` · ended: ${run.end} · ${number(run.seconds, 2)} s`,
      run.answer === undefined ? null : element("bdi", "raw", ` · answer: ${run.answer}`),
      run.rule === undefined ? null : element("bdi", "raw", ` · rule: ${run.rule}`));
    return [header, element("ol", "steps", ...run.steps.map(step))];
  };

  const open = (holder, problem, policies) => {
    const shown = element("div", "");
    const tabs = element("div", "tabs");
    const show = (run, button) => {
      for (const other of tabs.children) other.setAttribute("aria-pressed", String(other === button));
      shown.replaceChildren(...solution(run));
    };
    for (const run of problem.runs) {
      const button = element("button", "", element("bdi", "", policies[run.policy]), " ", element("span", run.verdict, verdicts[run.verdict][0]));
      button.type = "button";
      button.addEventListener("click", () => show(run, button));
      tabs.append(button);
    }
    holder.append(element("div", "raw question", text(problem.question)));
    if (problem.gold !== null) holder.append(element("p", "about", element("bdi", "raw", `Right answer: ${problem.gold}`)));
    holder.append(tabs, shown);
    const first = Math.max(0, problem.runs.findIndex((run) => String(run.policy) === fields.policy.value));
    if (problem.runs.length > 0) show(problem.runs[first], tabs.children[first]);
  };

  const row = (problem, policies) => {
    const marks = element("span", "verdicts", ...problem.runs.map((run) => {
      const mark = element("span", run.verdict, verdicts[run.verdict][0]);
      mark.title = `${policies[run.policy]}: ${verdicts[run.verdict][1]}`;
      return mark;
    }));
    const summary = element("summary", "", element("bdi", "id", problem.id || "(no id)"), marks, element("span", "gist", text(problem.question).slice(0, 200)));
    const details = element("details", "problem", summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) open(details, problem, policies);
    });
    return details;
  };

  const holds = (problem, words) => {
    const texts = [problem.id, text(problem.question)];
    for (const run of problem.runs) for (const found of run.steps) texts.push(text(found[1]));
    return texts.some((one) => one.toLowerCase().includes(words));
  };

  const fits = (problem) => {
    const runs = problem.runs.filter((run) => fields.policy.value === "" || String(run.policy) === fields.policy.value);
    const words = fields.text.value.trim().toLowerCase();
    return runs.length > 0
      && (fields.verdict.value === "" || runs.some((run) => run.verdict === fields.verdict.value))
      && (!fields.differs.checked || problem.differs)
      && (words === "" || holds(problem, words));
  };

  const update = () => {
    const found = benchmark().problems.filter(fits);
    about.textContent = `${benchmark().about} Shown: ${found.length}.`;
    list.replaceChildren(...found.map((problem) => row(problem, benchmark().policies)));
  };
  const choose = () => {
    options(fields.policy, [["", "any"], ...benchmark().policies.map((name, at) => [String(at), name])]);
    update();
  };

  options(fields.benchmark, data.benchmarks.map((one, at) => [String(at), one.name]));
  fields.benchmark.addEventListener("change", choose);
  for (const name of ["policy", "verdict", "differs"]) fields[name].addEventListener("change", update);
  fields.text.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  root.hidden = false;
  choose();
})();
