namespace Engine.Host.Serving;

/// <summary>
/// The page of <c>GET /</c>: requests and latencies from <c>/metrics</c>, sessions with their last frames and actions from <c>/live</c> and
/// <c>/frame</c>, every second. Self-contained.
/// </summary>
internal static class LivePage
{
    /// <summary>What the browser may load for it: nothing from elsewhere.</summary>
    internal const string SecurityPolicy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

    internal const string Html = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>Engine: policy server</title>
        <style>
          body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; color: #222; }
          table { border-collapse: collapse; width: 100%; }
          td { padding: .15rem .5rem; } td:first-child { width: 9rem; text-align: right; }
          .bar { background: #4a7; height: .9rem; min-width: 1px; }
          .numbers span { display: inline-block; margin-right: 2rem; } b { font-size: 1.4rem; }
          #state { color: #a33; }
          .session { border-top: 1px solid #ddd; padding: .5rem 0; }
          .session img { height: 8rem; margin-right: .5rem; image-rendering: pixelated; vertical-align: top; }
          .curve { display: inline-block; width: 12rem; overflow: hidden; white-space: nowrap; margin: .25rem .75rem .25rem 0; font-size: .8rem; color: #666; }
          .curve svg { display: block; width: 12rem; height: 3rem; background: #f6f6f4; }
          .curve polyline { fill: none; stroke: #27c; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
        </style>
        <h1>Policy server</h1>
        <p class="numbers" id="numbers"></p>
        <div id="sessions"></div>
        <h2>Time to answer</h2>
        <table id="request"></table>
        <h2>Time in the policy</h2>
        <table id="inference"></table>
        <p id="state"></p>
        <script>
          "use strict";
          const at = id => document.getElementById(id);
          let before = null;
          function read(text) {
            const values = {};
            for (const line of text.split("\n")) {
              if (!line || line[0] === "#") continue;
              const space = line.lastIndexOf(" ");
              values[line.slice(0, space)] = Number(line.slice(space + 1));
            }
            return values;
          }
          function show(table, values, name) {
            const rows = [];
            let last = 0;
            for (const key in values) {
              const match = key.match("^" + name + '_bucket\\{le="(.*)"\\}$');
              if (!match) continue;
              const label = match[1] === "+Inf" ? "longer" : "up to " + (1000 * Number(match[1])).toPrecision(3) / 1 + " ms";
              rows.push([label, values[key] - last]);
              last = values[key];
            }
            const most = Math.max(1, ...rows.map(r => r[1]));
            table.replaceChildren(...rows.map(([label, count]) => {
              const row = document.createElement("tr");
              const bar = document.createElement("div");
              bar.className = "bar";
              bar.style.width = 100 * count / most + "%";
              const cells = [label, bar, String(count)].map(content => {
                const cell = document.createElement("td");
                cell.append(content);
                return cell;
              });
              cells[2].style.width = "5rem";
              row.append(...cells);
              return row;
            }));
          }
          function curve(name, values) {
            const box = document.createElement("div");
            box.className = "curve";
            const low = Math.min(...values), high = Math.max(...values), span = high - low, flat = span < 1e-4;
            const space = "http://www.w3.org/2000/svg";
            const svg = document.createElementNS(space, "svg");
            svg.setAttribute("viewBox", "0 0 127 40");
            svg.setAttribute("preserveAspectRatio", "none");
            const line = document.createElementNS(space, "polyline");
            line.setAttribute("points", values.map((v, i) => i + "," + (flat ? 20 : 37 - 34 * (v - low) / span)).join(" "));
            svg.append(line);
            const range = flat ? low.toFixed(3) : low.toPrecision(3) + " … " + high.toPrecision(3);
            box.append(name + "  " + range, svg);
            return box;
          }
          function sessions(live) {
            at("sessions").replaceChildren(...live.sessions.slice(0, 16).map(session => {
              const box = document.createElement("div");
              box.className = "session";
              const title = document.createElement("p");
              title.textContent = "session " + session.number + ": " + session.instruction + " (" + session.requests + " requests, the last "
                + (session.idle_ms < 1500 ? "just now" : Math.round(session.idle_ms / 1000) + " s ago") + ")";
              const frames = live.cameras.map(camera => {
                const image = document.createElement("img");
                image.alt = image.title = camera;
                image.src = "/frame?session=" + session.number + "&camera=" + encodeURIComponent(camera) + "&n=" + session.requests;
                return image;
              });
              box.append(title, ...frames, document.createElement("br"), ...session.curves.map((values, i) => curve(live.actions[i], values)));
              return box;
            }));
          }
          async function update() {
            try {
              const response = await fetch("/metrics", { cache: "no-store" });
              if (!response.ok) throw new Error(response.status);
              const values = read(await response.text());
              const requests = values["engine_request_seconds_count"];
              const rate = before === null ? 0 : requests - before;
              before = requests;
              at("numbers").replaceChildren(...[
                ["sessions", values["engine_sessions"]], ["requests", requests], ["a second", rate], ["errors", values["engine_request_errors_total"]],
              ].map(([name, value]) => {
                const span = document.createElement("span");
                const bold = document.createElement("b");
                bold.textContent = value;
                span.append(bold, " " + name);
                return span;
              }));
              sessions(await (await fetch("/live", { cache: "no-store" })).json());
              show(at("request"), values, "engine_request_seconds");
              show(at("inference"), values, "engine_inference_seconds");
              at("state").textContent = "";
            } catch (error) {
              at("state").textContent = "The server does not answer (" + error.message + ").";
            }
          }
          update();
          setInterval(update, 1000);
        </script>
        """;
}
