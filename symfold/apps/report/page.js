// The sliders of the report. Without this script the page shows the depth that was compared, with every path weighted alike.
"use strict";
(() => {
  const all = (selector, where = document) => Array.from(where.querySelectorAll(selector));
  const depth = document.getElementById("depth");
  const tilt = document.getElementById("tilt");

  // A bar is the share of the paths of one length once each layer on a path counts g: c_k g^k / P(g).
  const tiltBars = (drawing, g) => {
    const counts = JSON.parse(drawing.dataset.bars);
    const [top, base] = [Number(drawing.dataset.top), Number(drawing.dataset.base)];
    const means = counts.map((row, net) => {
      const weights = row.map((count, k) => count * Math.pow(g, k));
      const whole = weights.reduce((sum, weight) => sum + weight, 0) || 1;
      all(`[data-net="${net}"]`, drawing).forEach((bar) => {
        const height = (base - top) * weights[Number(bar.dataset.k)] / whole;
        bar.setAttribute("y", (base - height).toFixed(2));
        bar.setAttribute("height", height.toFixed(2));
      });
      return weights.reduce((sum, weight, k) => sum + k * weight, 0) / whole;
    });
    const text = drawing.closest("figure").querySelector("[data-means]");
    text.textContent = `mean length ${means.map((mean) => mean.toFixed(2)).join(" and ")}`;
  };

  const update = () => {
    const g = tilt ? Math.pow(2, Number(tilt.value)) : 1;
    if (depth) {
      all("[data-depth]").forEach((part) => { part.hidden = !part.dataset.depth.split(" ").includes(depth.value); });
      const label = depth.value === depth.max && depth.dataset.last || `n = ${depth.value}`;
      depth.setAttribute("aria-valuetext", label);
      document.querySelector("output[for=depth]").textContent = label;
    }
    if (tilt) {
      document.getElementById("tilt-shown").textContent =
        `g = ${g.toFixed(2)}, g/(1 + g) = ${(g / (1 + g)).toFixed(2)}`;
      all("[data-bars]").forEach((drawing) => tiltBars(drawing, g));
    }
  };
  for (const slider of [depth, tilt]) {
    if (slider) slider.addEventListener("input", update);
  }
  all("[data-needs-script]").forEach((part) => { part.hidden = false; });
  update();
})();
