// Runs before the page is painted, so that nobody who chose the dark is dazzled.
const chosen = localStorage.getItem("conduit-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
