// The zoomable series: what the page's JSON says, drawn by uPlot. Without a script the charts below say the same.
"use strict";

const COLOURS = [["Sessions", "sessions", "--series-1"], ["Messages", "messages", "--series-2"], ["Users", "users", "--series-3"]];

/** The list's address for a bucket. */
function sessionsOf(narrow) {
  const pairs = Object.entries(narrow).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return `/chats?${new URLSearchParams(pairs)}`;
}

function draw(section, series) {
  const room = section.querySelector(".plot");
  const style = getComputedStyle(document.documentElement);
  const axis = { stroke: style.getPropertyValue("--muted"), grid: { stroke: style.getPropertyValue("--grid"), width: 1 }, ticks: { show: false } };
  const options = {
    width: room.clientWidth,
    height: 240,
    axes: [{ ...axis }, { ...axis }],
    series: [{}, ...COLOURS.map(([label, , colour]) => ({ label, stroke: style.getPropertyValue(colour), width: 2, points: { size: 5 } }))],
  };
  const data = [series.map((one) => Date.parse(one.start) / 1000), ...COLOURS.map(([, name]) => series.map((one) => one[name]))];
  const plot = new uPlot(options, data, room);
  let pressed = 0;
  plot.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  plot.over.addEventListener("click", (event) => {
    const place = plot.cursor.idx;
    if (Math.abs(event.clientX - pressed) < 4 && place != null) location.href = sessionsOf(series[place].narrow);
  });
  addEventListener("resize", () => plot.setSize({ width: room.clientWidth, height: 240 }));
}

for (const section of document.querySelectorAll("[data-plot]")) {
  fetch(section.dataset.plot, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText))))
    .then((told) => {
      if (told.series.length < 2) return;
      section.hidden = false;
      draw(section, told.series);
    })
    .catch(() => section.remove());
}
