// One video plays at a time, and its position is drawn on the clip's time axis.
const videos = document.querySelectorAll("video");
for (const video of videos)
  video.addEventListener("play", () => videos.forEach(other => other !== video && other.pause()));
for (const clip of document.querySelectorAll(".clip")) {
  const duration = Number(clip.dataset.duration), drawing = clip.querySelector(".timeline");
  const head = drawing.querySelector(".head");
  let current = clip.querySelector("video");
  const draw = () => {
    const x = 1000 * Math.min(current.currentTime / duration, 1);
    head.setAttribute("x1", x); head.setAttribute("x2", x); head.setAttribute("visibility", "visible");
    if (!current.paused) requestAnimationFrame(draw);
  };
  for (const video of clip.querySelectorAll("video")) {
    video.addEventListener("play", () => { current = video; draw(); });
    video.addEventListener("seeked", () => { if (video === current) draw(); });
  }
  drawing.addEventListener("click", event => {
    const box = drawing.getBoundingClientRect();
    current.currentTime = duration * (event.clientX - box.left) / box.width;
    current.play();
  });
}
