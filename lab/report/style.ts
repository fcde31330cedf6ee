/** The page's looks: light, dark and print from one set of variables. Colours are Okabe and Ito's, darkened or lightened to keep 3:1. */
export const style = `
:root{--bg:#fff;--ink:#1b1f24;--muted:#59636e;--rule:#d5dae0;--soft:#f3f5f7;--link:#0b57a4;
--c0:#0072b2;--c1:#c8541b;--c2:#00855f;--c3:#6b7480;--c4:#b4568e;--c5:#8a6d00;--c6:#3f51b5;--c7:#1b1f24}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--ink:#e6e9ed;--muted:#a2abb5;--rule:#343a42;--soft:#1d2126;--link:#7cb7f0;
--c0:#56b4e9;--c1:#f08a4b;--c2:#3fcf9f;--c3:#9aa4af;--c4:#e08cc0;--c5:#e3c22d;--c6:#8f9df0;--c7:#e6e9ed}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main,footer{max-width:940px;margin:0 auto;padding:0 20px}
header{padding-top:24px}
h1{font-size:1.7rem;line-height:1.25;margin:.1em 0 .6em;text-wrap:balance}
h2{font-size:1.22rem;line-height:1.35;margin:0 0 .7em}
h3{font-size:1rem;margin:1.4em 0 .4em}
section{border-top:1px solid var(--rule);padding:22px 0;scroll-margin-top:8px}
a{color:var(--link)}
.kicker{color:var(--muted);margin:0;font-size:.88rem}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:18px 0;font-size:.92rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:0}
.cards div{background:var(--soft);border-radius:8px;padding:10px 12px}
.cards dt{color:var(--muted);font-size:.82rem}
.cards dd{margin:0;font-size:1.35rem;font-variant-numeric:tabular-nums;line-height:1.3}
.cards small{display:block;font-size:.78rem;color:var(--muted);line-height:1.35}
.facts{margin:0;display:grid;gap:2px}
.facts div{display:grid;grid-template-columns:190px 1fr;gap:12px}
.facts dt{color:var(--muted)}
.facts dd{margin:0}
figure{margin:0 0 18px}
figcaption{color:var(--muted);font-size:.9rem;margin-bottom:4px}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
svg .tick,svg .label{fill:var(--muted)}
.halo{paint-order:stroke;stroke:var(--bg);stroke-width:3px}
.grid{stroke:var(--rule);stroke-width:1}
.axis,.tickline{stroke:var(--muted);stroke-width:1}
.shade{fill:var(--soft)}
.line{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round}
.line.wide{stroke-width:2.4}
.dash{stroke-dasharray:5 4}
.area{fill:currentColor;opacity:.18;stroke:none}
.bar{fill:currentColor}
.flow{fill:none;stroke:currentColor;opacity:.32}
.flow:hover{opacity:.6}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:0 0 4px;padding:0;font-size:.86rem}
.legend li{display:flex;align-items:center;gap:6px}
svg.key{width:24px;height:10px;flex:none}
.dot{width:11px;height:11px;border-radius:2px;background:currentColor;display:inline-block}
.scroll{overflow-x:auto;margin:0 0 12px}
table{border-collapse:collapse;font-size:.88rem;width:100%}
th,td{padding:5px 10px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);font-weight:400}
.stack thead b{font-weight:600}thead th{color:var(--muted);font-size:.82rem;vertical-align:bottom}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
#longest td:last-child{min-width:270px}
.split{display:flex;width:118px;height:14px;border-radius:3px;overflow:hidden;background:var(--soft);margin-top:4px}
.split i{background:currentColor;display:block;height:100%}
.note{color:var(--muted);font-size:.88rem}
code,pre{font:.86em ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
code.long{overflow-wrap:anywhere}
pre{background:var(--soft);border-radius:8px;padding:12px;overflow-x:auto}
#gantt{width:100%;height:456px;touch-action:pan-y;cursor:grab;display:block}
#gantt:focus-visible,button:focus-visible,input:focus-visible,a:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.tools{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin:6px 0}
.tools form{display:flex;gap:6px;align-items:center;margin-left:auto;font-size:.9rem}
button,input{font:inherit;font-size:.9rem;color:var(--ink);background:var(--soft);border:1px solid var(--rule);border-radius:6px;padding:3px 10px;min-height:32px}
button{cursor:pointer;min-width:34px}
footer{color:var(--muted);font-size:.86rem;border-top:1px solid var(--rule);padding-top:10px;padding-bottom:30px}
.phone-size{display:none}
@media (max-width:640px){
.phone-size{display:block}
body{font-size:15px}header,main,footer{padding-left:14px;padding-right:14px}
h1{font-size:1.35rem}h2{font-size:1.08rem}
.facts div{grid-template-columns:1fr;gap:0;margin-bottom:6px}
.cards{grid-template-columns:repeat(2,1fr)}
.page-size{display:none}
.tools form{margin-left:0}
.stack thead{display:none}
.stack,.stack tbody{display:block}
.stack tr{display:grid;grid-template-columns:1fr 1fr 1fr;gap:4px 12px;padding:10px 0;border-bottom:1px solid var(--rule)}
.stack th,.stack td{border:0;padding:0;text-align:left}
.stack [data-name]::before{content:attr(data-name);display:block;color:var(--muted);font-size:.76rem}
.stack td:last-child{grid-column:1/-1}
.stack td:nth-last-child(2){grid-column:2/-1}
#longest td:last-child{min-width:0}
}
@media print{
:root{--bg:#fff;--ink:#000;--muted:#444;--rule:#bbb;--soft:#f3f3f3;--link:#000;--c0:#0072b2;--c1:#c8541b;--c2:#00855f;--c3:#6b7480;--c4:#b4568e;--c5:#8a6d00;--c6:#3f51b5;--c7:#000}
nav,.tools,#gantt-say{display:none}
body{font-size:11pt}section{break-inside:auto}figure,tr{break-inside:avoid}h2{break-after:avoid}
.scroll,figure{overflow:visible}
}
`.replace(/\n/g, '');
