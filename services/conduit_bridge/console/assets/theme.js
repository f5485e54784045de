var e=localStorage.getItem("conduit-theme");(e==="light"||e==="dark")&&(document.documentElement.dataset.theme=e);
