// Draws the figures of `drawn` when they are scrolled to, in the colours of the page; saves them in those of paper.

const scheme = matchMedia("(prefers-color-scheme: dark)");
const PAPER = {"--text": "#1d2125", "--muted": "#5a6169", "--line": "#dcdcd6", "--raised": "#ffffff"};
const ofPage = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ofPaper = (name) => PAPER[name];

function painted(figure, color, ground) {
  const part = (of) => (String(of.color).startsWith("--") ? {...of, color: color(of.color)} : of);
  const data = figure.data.map((trace) => {
    const own = {...trace};
    for (const name of ["line", "marker"]) if (own[name]) own[name] = part(own[name]);
    return own;
  });
  const [text, muted, line, raised] = ["--text", "--muted", "--line", "--raised"].map(color);
  const axis = (of) => ({gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, ...of});
  const layout = {
    ...figure.layout,
    font: {color: text, size: 13, family: getComputedStyle(document.body).fontFamily},
    paper_bgcolor: ground,
    plot_bgcolor: ground,
    hoverlabel: {bgcolor: raised, bordercolor: line, font: {color: text}},
    modebar: {bgcolor: "rgba(0,0,0,0)", color: muted, activecolor: text},
    xaxis: axis(figure.layout.xaxis),
    yaxis: axis(figure.layout.yaxis),
  };
  return {data, layout};
}

const config = {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["toImage"]};  // below are better ones

async function draw(place) {
  const {data, layout} = painted(drawn[place.id], ofPage, "rgba(0,0,0,0)");
  await Plotly.react(place, data, layout, config);
  place.dataset.drawn = "done";
}

const wanted = new IntersectionObserver((seen) => {
  for (const {target, isIntersecting} of seen) {
    if (!isIntersecting || target.dataset.drawn) continue;
    target.dataset.drawn = "begun";
    draw(target);
  }
}, {rootMargin: "400px"});  // what nobody has scrolled to is not drawn yet
for (const place of document.querySelectorAll(".figure")) wanted.observe(place);

scheme.addEventListener("change", () => {
  for (const place of document.querySelectorAll(".figure[data-drawn=done]")) draw(place);
});

for (const button of document.querySelectorAll("button[data-figure]")) {
  button.addEventListener("click", () => {
    const figure = drawn[button.dataset.figure];
    const {format, name} = button.dataset;
    const size = {width: 1000, height: figure.layout.height, scale: format === "png" ? 2 : 1};
    Plotly.downloadImage({...painted(figure, ofPaper, "#ffffff"), config: {}}, {format, filename: name, ...size});
  });
}
