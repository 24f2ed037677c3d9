// Every page of the built site in a browser: axe-core's rules of accessibility, errors of
// scripts, and pages wider than the window, in light and dark, at two widths.
//
//     node pages.mjs SITE [PICTURES]
//
// PICTURES is a folder for a screenshot of each page. CHROMIUM names the browser.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const WIDTHS = [1280, 390];
const THEMES = ["light", "dark"];
const OPTIONS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];

const site = resolve(process.argv[2]);
const pictures = process.argv[3];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const pages = readdirSync(site, { recursive: true })
  .filter((name) => name.endsWith(".html") && !name.startsWith("_static"))
  .sort();
if (pages.length === 0) throw new Error(`no pages in ${site}`);
if (pictures) mkdirSync(pictures, { recursive: true });

/** What is wrong with the page that is open, as lines of text. */
async function faults(page) {
  await page.evaluate(async () => window.MathJax?.startup?.promise);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`),
  );
  const excess = await page.evaluate(
    () => document.documentElement.scrollWidth - window.innerWidth,
  );
  if (excess > 0) found.push(`${excess} px wider than the window`);
  return found;
}

const browser = await chromium.launchPersistentContext(
  mkdtempSync(join(tmpdir(), "pages-")),
  { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: OPTIONS },
);
const page = await browser.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(`script: ${error.message}`));
page.on("request", (request) => {
  if (/^https?:/.test(request.url())) errors.push(`loads ${request.url()}`);
});

let count = 0;
for (const name of pages) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.goto(pathToFileURL(join(site, name)).href, { waitUntil: "load" });
      for (const fault of [...(await faults(page)), ...errors.splice(0)]) {
        console.log(`${relative(site, join(site, name))} (${width} px, ${theme}): ${fault}`);
        count += 1;
      }
      if (pictures) {
        const file = `${name.replaceAll("/", "-")}-${width}-${theme}.png`;
        await page.screenshot({ path: join(pictures, file), fullPage: true });
      }
    }
  }
}
await browser.close();
console.log(`${pages.length} pages, ${count} faults`);
process.exit(count === 0 ? 0 : 1);
