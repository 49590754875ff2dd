// Before the first paint, so that the page does not flash: a plain script, not a module.
"use strict";
(() => {
  const read = () => {
    try {
      return localStorage.getItem("vivavoce.theme") ?? "auto";
    } catch {
      return "auto"; // a browser that keeps nothing for pages
    }
  };
  const show = (theme) => document.documentElement.setAttribute("data-theme", theme);
  show(read());
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = read();
    select.addEventListener("change", () => {
      show(select.value);
      try {
        localStorage.setItem("vivavoce.theme", select.value);
      } catch {
        // chosen for this visit only
      }
    });
  });
})();
