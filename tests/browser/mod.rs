//! Drives a headless Chromium over its debugging pipe: messages in JSON, each ended by U+0000 (Chrome DevTools Protocol).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a page did to the world around it.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// The addresses that it asked for.
    pub(crate) requests: Vec<String>,
    /// What it complained of, and what it said on the console.
    pub(crate) complaints: Vec<String>,
    /// The messages of its dialogs.
    pub(crate) dialogs: Vec<String>,
}

/// A browser with one tab, which ends with it.
pub(crate) struct Browser {
    process: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    noticed: Noticed,
    loaded: bool,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let [commands, answers] = ["commands", "answers"].map(|name| profile.path().join(name));
        assert!(Command::new("mkfifo").args([&commands, &answers]).status().unwrap().success(), "no pipes");
        // The browser reads commands from its file descriptor 3 and answers on 4.
        let process = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<\"$COMMANDS\" 4>\"$ANSWERS\"", "sh"])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"])
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .envs([("COMMANDS", &commands), ("ANSWERS", &answers)])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let to = OpenOptions::new().write(true).open(commands).unwrap();
        let from = answers_of(File::open(answers).unwrap());
        let (noticed, session) = (Noticed::default(), None);
        let mut browser = Self { process, to, from, session, calls: 0, noticed, loaded: false, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Network", "Log", "Runtime"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 900);
        browser
    }

    /// Calls a method, and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.next(method);
            if answer["id"] == json!(id) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    fn next(&mut self, awaited: &str) -> Value {
        let message = self.from.recv_timeout(Duration::from_secs(60));
        let message = message.unwrap_or_else(|_| panic!("the browser did not answer {awaited} within 60 s"));
        let event = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.noticed.requests.push(event["request"]["url"].as_str().unwrap().to_owned());
            }
            Some("Log.entryAdded") => self.noticed.complaints.push(event["entry"]["text"].to_string()),
            Some("Runtime.exceptionThrown") => self.noticed.complaints.push(event["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") => self.noticed.complaints.push(event["args"].to_string()),
            Some("Page.javascriptDialogOpening") => self.noticed.dialogs.push(event["message"].to_string()),
            Some("Page.loadEventFired") => self.loaded = true,
            _ => {}
        }
        message
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, path: &Path) {
        self.loaded = false;
        self.noticed = Noticed::default();
        self.call("Page.navigate", json!({"url": format!("file://{}", path.display())}));
        while !self.loaded {
            self.next("Page.navigate");
        }
    }

    /// Runs an expression in the page, and returns what it comes to.
    pub(crate) fn ask(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Runs an expression that comes to a text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        match self.ask(expression) {
            Value::String(text) => text,
            other => panic!("{expression} came to {other}, which is no text"),
        }
    }

    /// Presses and releases a key, and waits until the page has drawn what came of it.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "ArrowDown" => 40,
            "ArrowUp" => 38,
            "/" => 191,
            _ => 0,
        };
        let mut down = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        match key {
            "Enter" => down["text"] = json!("\r"),
            "/" => down["text"] = json!("/"),
            _ => {}
        }
        self.call("Input.dispatchKeyEvent", down);
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
        self.settle();
    }

    /// Types a text, as if all at once.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
        self.settle();
    }

    /// Waits until the page has drawn two more frames.
    pub(crate) fn settle(&mut self) {
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
    }

    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let mobile = width < 600;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Sets what the reader prefers, such as `prefers-color-scheme: dark`.
    pub(crate) fn prefers(&mut self, features: &[(&str, &str)]) {
        let features: Vec<Value> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    pub(crate) fn scripts(&mut self, allowed: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !allowed}));
    }

    /// What the page did since it was opened.
    pub(crate) fn noticed(&mut self) -> Noticed {
        self.call("Page.getNavigationHistory", json!({}));
        std::mem::take(&mut self.noticed)
    }

    /// Keeps a picture of the page where `HEIRLOOM_SHOTS` names a directory.
    pub(crate) fn shot(&mut self, name: &str, whole: bool) {
        let Some(directory) = shots() else { return };
        let picture = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": whole, "format": "png"}));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Prints the page, and returns the PDF.
    pub(crate) fn print(&mut self, name: &str) -> Vec<u8> {
        let pdf =
            self.call("Page.printToPDF", json!({"preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.7}));
        let bytes = STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
        if let Some(directory) = shots() {
            std::fs::write(directory.join(format!("{name}.pdf")), &bytes).unwrap();
        }
        bytes
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that is gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn shots() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("HEIRLOOM_SHOTS")?);
    std::fs::create_dir_all(&directory).unwrap();
    Some(directory)
}

/// The messages that the browser sends, read by a thread of their own, so that waiting for one can end.
fn answers_of(pipe: File) -> Receiver<Value> {
    let (to, from) = channel();
    thread::spawn(move || {
        for message in BufReader::new(pipe).split(0).map_while(Result::ok) {
            if serde_json::from_slice(&message).is_ok_and(|message| to.send(message).is_err()) {
                return;
            }
        }
    });
    from
}
