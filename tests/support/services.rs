//! A stand-in of the services that a login asks: Microsoft's, Xbox Live's and Minecraft's, as far as their
//! documentation goes. It is strict: every token has to be one that it gave out for that step, and a server is
//! told yes only about the last hash that a profile has joined with.

// Others than support's own tests take this file by its path, from where paths are the same.
#[path = "services/http.rs"]
mod http;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use http::{read_form, read_json, read_request, response};
use serde_json::{Value, json};

/// What each setting's URL is here: the last two are where clients and servers of the game look for them.
const PATHS: [(&str, &str); 8] = [
    ("account_url_device_code", "/devicecode"),
    ("account_url_token", "/token"),
    ("account_url_xbl", "/user/authenticate"),
    ("account_url_xsts", "/xsts/authorize"),
    ("account_url_login", "/authentication/login_with_xbox"),
    ("account_url_profile", "/minecraft/profile"),
    ("account_url_join", "/session/minecraft/join"),
    ("account_url_has_joined", "/session/minecraft/hasJoined"),
];
/// The application that people may log in for.
pub const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";
/// The player that people are.
pub const PLAYER: (&str, &str) = ("0123456789abcdef0123456789abcdef", "Alva");

/// One question that services are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    DeviceCode,
    Poll,
    Refresh,
    Xbl,
    Xsts,
    Login,
    Profile,
    Join,
    HasJoined,
}

impl Step {
    pub const ALL: [Self; 9] = [
        Self::DeviceCode,
        Self::Poll,
        Self::Refresh,
        Self::Xbl,
        Self::Xsts,
        Self::Login,
        Self::Profile,
        Self::Join,
        Self::HasJoined,
    ];
}

/// How a service that is not well answers.
#[derive(Clone, Debug)]
pub enum Fault {
    /// With this status and text.
    Says(u16, String),
    /// With these bytes, whatever they are.
    Bytes(Vec<u8>),
    /// With all that it was asked, secrets included, as the words of its refusal.
    Echo,
    /// Leads elsewhere.
    Redirect(String),
    /// Answers rightly, this much later.
    Late(Duration),
    /// Does not answer before [`Services::heal`].
    Silent,
    /// Begins a right answer and sends a byte of it now and then.
    Drips,
    /// Goes without an answer.
    Breaks,
    /// A right answer that does not end.
    Endless,
}

/// What the person does who was shown a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Enters it after it was asked so often whether that has been done.
    Enters(u32),
    Declines,
    LetsItExpire,
    /// Still looks for the glasses.
    DoesNothing,
}

/// A question that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub step: Step,
    pub body: String,
    pub query: HashMap<String, String>,
}

#[derive(Clone)]
pub struct Services {
    pub address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    person: Person,
    polls: u32,
    interval: u64,
    code_expires: u64,
    faults: HashMap<Step, (Fault, u32)>,
    asked: Vec<Asked>,
    /// Every secret that was given out, by what it is good for.
    secrets: Vec<(Step, String)>,
    /// The one refresh token that counts.
    refresh: Option<String>,
    /// Minecraft's tokens that count, and whose they are.
    tokens: HashMap<String, (String, String)>,
    token_expires: u64,
    /// By profile: the last hash it has joined with.
    joined: HashMap<String, String>,
    player: (String, String),
}

impl Services {
    /// Services that are well, and a person who enters the code at once.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = State {
            person: Person::Enters(0),
            polls: 0,
            interval: 0,
            code_expires: 900,
            faults: HashMap::new(),
            asked: Vec::new(),
            secrets: Vec::new(),
            refresh: None,
            tokens: HashMap::new(),
            token_expires: 86_400,
            joined: HashMap::new(),
            player: (PLAYER.0.to_owned(), PLAYER.1.to_owned()),
        };
        let services = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let accepting = services.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = accepting.clone();
                // Who breaks off is not served; that is all.
                thread::spawn(move || stream.map(|stream| serving.serve(stream)));
            }
        });
        services
    }

    /// What midwire has to be told to ask here: `--set`, and what is set, and so on.
    pub fn settings(&self) -> Vec<String> {
        let urls = PATHS.iter().map(|(name, path)| format!("{name}=http://{}{path}", self.address));
        // A loaded machine may take long for an answer; tests of slow services set less.
        let times =
            ["account_timeout", "account_login_timeout"].map(|name| format!("{name}=60000"));
        let all = urls.chain(times).chain([format!("account_client_id={CLIENT_ID}")]);
        all.flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }

    /// What clients and servers of the game call their session server.
    pub fn session_host(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    pub fn person(&self, person: Person) {
        let mut state = self.state();
        (state.person, state.polls) = (person, 0);
    }

    /// Seconds between two questions whether the code has been entered.
    pub fn interval(&self, seconds: u64) {
        self.state().interval = seconds;
    }

    /// Seconds for which a code counts.
    pub fn code_expires(&self, seconds: u64) {
        self.state().code_expires = seconds;
    }

    /// Seconds for which Minecraft's tokens are said to count.
    pub fn token_expires(&self, seconds: u64) {
        self.state().token_expires = seconds;
    }

    /// Answers a question like this from now on.
    pub fn fault(&self, step: Step, fault: Fault) {
        self.fault_times(step, fault, u32::MAX);
    }

    /// The same so often; then rightly.
    pub fn fault_times(&self, step: Step, fault: Fault, times: u32) {
        self.state().faults.insert(step, (fault, times));
    }

    /// All is well again.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Takes all of Minecraft's tokens back, as when a password is changed.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Takes Microsoft's leave back.
    pub fn revoke_login(&self) {
        self.state().refresh = None;
    }

    /// Who the person is from the next login on: id without dashes, and name.
    pub fn player(&self, id: &str, name: &str) {
        self.state().player = (id.to_owned(), name.to_owned());
    }

    /// A token for a game of its own that plays as somebody.
    pub fn game_token(&self, id: &str, name: &str) -> String {
        self.state().mint(id, name)
    }

    /// Joins as a game does that has this token; whether that was taken.
    pub fn join(&self, token: &str, id: &str, hash: &str) -> bool {
        let body = json!({ "accessToken": token, "selectedProfile": id, "serverId": hash });
        self.state().join(&body.to_string()).0 == 204
    }

    /// Asks as a server does; who it is.
    pub fn has_joined(&self, name: &str, hash: &str) -> Option<String> {
        let query = [("username", name), ("serverId", hash)];
        let query = query.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let (status, body) = self.state().has_joined(&query);
        (status == 200).then(|| body["id"].as_str().unwrap().to_owned())
    }

    /// The questions that came of one kind.
    pub fn asked(&self, step: Step) -> Vec<Asked> {
        self.state().asked.iter().filter(|asked| asked.step == step).cloned().collect()
    }

    /// Waits until a question of this kind has come.
    pub fn wait_for(&self, step: Step) {
        let (state, changed) = &*self.shared;
        let came = |state: &mut State| state.asked.iter().all(|asked| asked.step != step);
        let waited = changed.wait_timeout_while(state.lock().unwrap(), super::PATIENCE, came);
        assert!(!waited.unwrap().1.timed_out(), "{step:?} was never asked");
    }

    /// Every secret that was given out.
    pub fn secrets(&self) -> Vec<String> {
        self.state().secrets.iter().map(|(_, secret)| secret.clone()).collect()
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let (path, bearer, body) = read_request(&stream)?;
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let (path, query) = (path.to_owned(), read_form(query));
        let step = step(&path, &body)?;
        let (answer, fault) = {
            let mut state = self.state();
            state.asked.push(Asked { step, body: body.clone(), query: query.clone() });
            self.shared.1.notify_all();
            let fault = state.next_fault(step);
            // What breaks, breaks before anything is done.
            let is_done =
                matches!(fault, None | Some(Fault::Late(_) | Fault::Drips | Fault::Endless));
            let answer =
                if is_done { state.answer(step, &body, &query, &bearer) } else { (0, Value::Null) };
            (answer, fault)
        };
        let mut stream = stream;
        let right = || {
            let (status, body) = &answer;
            let text = if body.is_null() { String::new() } else { body.to_string() };
            response(*status, &text, "")
        };
        let bytes = match fault {
            None => right(),
            Some(Fault::Late(time)) => {
                thread::sleep(time);
                right()
            }
            Some(Fault::Says(status, text)) => response(status, &text, ""),
            Some(Fault::Bytes(bytes)) => bytes,
            Some(Fault::Echo) => {
                let told = format!("{body}{bearer}");
                response(400, &json!({ "error": "echo", "errorMessage": told }).to_string(), "")
            }
            Some(Fault::Redirect(to)) => response(302, "", &format!("Location: {to}\r\n")),
            Some(Fault::Silent) => {
                return self.say_nothing(stream, step);
            }
            Some(Fault::Breaks) => return stream.shutdown(Shutdown::Both).ok(),
            Some(Fault::Drips) => {
                for byte in right() {
                    stream.write_all(&[byte]).ok()?;
                    thread::sleep(Duration::from_millis(200));
                }
                return None;
            }
            Some(Fault::Endless) => {
                let body = "[".repeat(64 << 10);
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
                stream.write_all(head.as_bytes()).ok()?;
                loop {
                    stream.write_all(body.as_bytes()).ok()?;
                }
            }
        };
        stream.write_all(&bytes).ok()
    }
}

impl Services {
    /// Until whoever asks has had enough, or all is well again.
    fn say_nothing(&self, mut stream: TcpStream, step: Step) -> Option<()> {
        stream.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
        while self.state().faults.contains_key(&step) {
            match stream.read(&mut [0; 64]) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        None
    }
}

impl State {
    fn next_fault(&mut self, step: Step) -> Option<Fault> {
        let (fault, times) = self.faults.get_mut(&step)?;
        *times = times.checked_sub(1)?;
        Some(fault.clone())
    }

    /// A new secret that is good for a step.
    fn secret(&mut self, step: Step) -> String {
        let secret = format!("planted-{step:?}-{}", self.secrets.len());
        self.secrets.push((step, secret.clone()));
        secret
    }

    fn is_secret(&self, step: Step, secret: &str) -> bool {
        self.secrets.iter().any(|(good_for, known)| *good_for == step && known == secret)
    }

    fn mint(&mut self, id: &str, name: &str) -> String {
        let token = self.secret(Step::Profile);
        self.tokens.insert(token.clone(), (id.to_owned(), name.to_owned()));
        token
    }

    fn answer(
        &mut self,
        step: Step,
        body: &str,
        query: &HashMap<String, String>,
        bearer: &str,
    ) -> (u16, Value) {
        match step {
            Step::DeviceCode => self.device_code(&read_form(body)),
            Step::Poll => self.poll(&read_form(body)),
            Step::Refresh => self.refresh(&read_form(body)),
            Step::Xbl => {
                let ticket = read_json(body, "/Properties/RpsTicket");
                let is_good =
                    ticket.strip_prefix("d=").is_some_and(|t| self.is_secret(Step::Xbl, t));
                self.xbox(is_good, Step::Xsts)
            }
            Step::Xsts => {
                let token = read_json(body, "/Properties/UserTokens/0");
                let is_good = read_json(body, "/RelyingParty") == "rp://api.minecraftservices.com/"
                    && self.is_secret(Step::Xsts, &token);
                self.xbox(is_good, Step::Login)
            }
            Step::Login => {
                let identity = read_json(body, "/identityToken");
                let token = identity.strip_prefix("XBL3.0 x=4711;");
                if !token.is_some_and(|token| self.is_secret(Step::Login, token)) {
                    return (401, json!({ "path": "/authentication/login_with_xbox" }));
                }
                let (id, name) = self.player.clone();
                let token = self.mint(&id, &name);
                let expires = self.token_expires;
                (
                    200,
                    json!({ "username": "not-the-player", "access_token": token,
                    "token_type": "Bearer", "expires_in": expires }),
                )
            }
            Step::Profile => match self.tokens.get(bearer) {
                Some((id, name)) => (200, json!({ "id": id, "name": name, "skins": [] })),
                None => (401, json!({ "errorMessage": "no such token" })),
            },
            Step::Join => self.join(body),
            Step::HasJoined => self.has_joined(query),
        }
    }

    fn device_code(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        if form["client_id"] != CLIENT_ID {
            let told = "AADSTS700016: Application was not found in the directory.\r\nTrace ID: 1";
            return (400, json!({ "error": "unauthorized_client", "error_description": told }));
        }
        assert_eq!(form["scope"], "XboxLive.signin offline_access");
        self.polls = 0;
        let code = self.secret(Step::Poll);
        (
            200,
            json!({ "user_code": "ABCD-EFGH", "device_code": code, "interval": self.interval,
            "verification_uri": "https://www.example.org/link", "expires_in": self.code_expires,
            "message": "go there and enter it" }),
        )
    }

    fn poll(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        let error =
            |error| (400, json!({ "error": error, "error_description": "AADSTS70016: .." }));
        if !self.is_secret(Step::Poll, &form["device_code"]) {
            return error("bad_verification_code");
        }
        self.polls += 1;
        match self.person {
            Person::Enters(polls) if self.polls > polls => self.grant(),
            Person::Enters(_) | Person::DoesNothing => error("authorization_pending"),
            Person::Declines => error("authorization_declined"),
            Person::LetsItExpire => error("expired_token"),
        }
    }

    fn refresh(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        if form["client_id"] != CLIENT_ID || self.refresh.as_ref() != form.get("refresh_token") {
            let told = "AADSTS70000: The provided grant is invalid or expired.";
            return (400, json!({ "error": "invalid_grant", "error_description": told }));
        }
        self.grant()
    }

    /// New tokens of Microsoft's; the refresh token before counts no more.
    fn grant(&mut self) -> (u16, Value) {
        let (access, refresh) = (self.secret(Step::Xbl), self.secret(Step::Refresh));
        self.refresh = Some(refresh.clone());
        (
            200,
            json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": access,
            "refresh_token": refresh }),
        )
    }

    fn xbox(&mut self, is_good: bool, next: Step) -> (u16, Value) {
        if !is_good {
            return (401, Value::Null);
        }
        let token = self.secret(next);
        (200, json!({ "Token": token, "DisplayClaims": { "xui": [{ "uhs": "4711" }] } }))
    }

    fn join(&mut self, body: &str) -> (u16, Value) {
        let (id, hash) = (read_json(body, "/selectedProfile"), read_json(body, "/serverId"));
        match self.tokens.get(&read_json(body, "/accessToken")) {
            Some((owner, _)) if *owner == id => {
                self.joined.insert(id, hash);
                (204, Value::Null)
            }
            _ => {
                let told = "Invalid token";
                (403, json!({ "error": "ForbiddenOperationException", "errorMessage": told }))
            }
        }
    }

    fn has_joined(&mut self, query: &HashMap<String, String>) -> (u16, Value) {
        let who = self.tokens.values().find(|(id, name)| {
            *name == query["username"] && self.joined.get(id) == query.get("serverId")
        });
        match who {
            Some((id, name)) => (200, json!({ "id": id, "name": name, "properties": [] })),
            None => (204, Value::Null),
        }
    }
}

fn step(path: &str, body: &str) -> Option<Step> {
    Some(match path {
        "/devicecode" => Step::DeviceCode,
        "/token" if read_form(body)["grant_type"] == "refresh_token" => Step::Refresh,
        "/token" => Step::Poll,
        "/user/authenticate" => Step::Xbl,
        "/xsts/authorize" => Step::Xsts,
        "/authentication/login_with_xbox" => Step::Login,
        "/minecraft/profile" => Step::Profile,
        "/session/minecraft/join" => Step::Join,
        "/session/minecraft/hasJoined" => Step::HasJoined,
        _ => return None,
    })
}
