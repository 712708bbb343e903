// Marks that scripts run, and takes the reader's theme before the first paint.
document.documentElement.classList.add("js");
try {
  document.documentElement.dataset.theme = localStorage.getItem("hipgauge-theme") ?? "system";
} catch {
  // A page from disk may have no storage: the theme is the system's.
}
