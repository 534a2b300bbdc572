// On a page: the answers are packed in it.
const unpacked = async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
};

unpacked(document.getElementById("answers").textContent).then((content) => {
  const place = (name) => content.catalogue.findIndex((entry) => entry.name === name);
  build(document.getElementById("explore"), {
    ...content,
    typed: false,
    ask: (question, show) => {
      const pair = [place(question.mapper), place(question.other)].sort((a, b) => a - b).join(" ");
      const comparison = content.comparisons[`${pair} ${question.depth}`] || content.comparisons[`${pair} n`];
      show({ question, sections: content.sections[`${question.mapper} ${question.depth}`], comparison });
    },
  });
});
