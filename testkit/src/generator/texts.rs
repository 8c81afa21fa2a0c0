//! Texts as people and models write them.

/// A prompt and an answer to it.
#[derive(Debug, Clone, Copy)]
pub struct SampleText {
    /// The language's ISO 639 code.
    pub language: &'static str,
    pub prompt: &'static str,
    pub response: &'static str,
}

pub const SAMPLE_TEXTS: &[SampleText] = &[
    SampleText {
        language: "en",
        prompt: "[user]: Write a postmortem for the outage of the payment service; customers saw HTTP 503.",
        response: "The payment service lost its database connections at 14:02 UTC; a retry storm followed.",
    },
    SampleText {
        language: "en",
        prompt: "[system]: You are on call.\n[user]: Summarize these alerts in two sentences.",
        response: "CPU on web-3 was above 95 % for ten minutes. The cause was a refund job without a rate limit.",
    },
    SampleText {
        language: "ru",
        prompt: "[user]: Объясни простыми словами, почему вырос процент ошибок после релиза.",
        response: "После релиза сервис стал чаще обращаться к базе, и пул соединений закончился.",
    },
    SampleText {
        language: "de",
        prompt: "[user]: Fasse den Störungsbericht für die Geschäftsführung kurz zusammen.",
        response: "Die Rückerstattungen waren 40 Minuten gestört; Ursache war ein abgelaufenes Zertifikat.",
    },
    SampleText {
        language: "fr",
        prompt: "[user]: Rédige un résumé de l'incident pour la page d'état, sans jargon.",
        response: "Un problème réseau a ralenti les paiements. Le service est rétabli, à bientôt.",
    },
    SampleText {
        language: "es",
        prompt: "[user]: ¿Qué significa el error «límite de velocidad» en los registros?",
        response: "El proveedor rechazó la petición porque se superó el límite; reinténtalo en un minuto.",
    },
    SampleText {
        language: "ja",
        prompt: "[user]: 障害報告書の要約を日本語で書いてください。",
        response: "データベースの接続が枯渇し、決済サービスが停止しました。",
    },
    SampleText {
        language: "zh",
        prompt: "[user]: 请用一句话总结这次告警的原因。",
        response: "退款任务没有限速,导致服务器过载。",
    },
    SampleText {
        language: "ar",
        prompt: "[user]: لخص سبب الانقطاع في جملتين.",
        response: "نفدت اتصالات قاعدة البيانات، ثم عادت الخدمة بعد إعادة التشغيل.",
    },
];
